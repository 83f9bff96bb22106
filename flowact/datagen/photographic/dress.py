"""Everything photographed that one person wears, ready for an `Actor`."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.character import Character
from flowact.datagen.appearance.textures import Photographs
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.graphics import shading
from flowact.datagen.photographic.cards import atlas, tile
from flowact.datagen.photographic.hair import hair_layer, hair_tile
from flowact.datagen.photographic.library import Library
from flowact.datagen.photographic.look import Look
from flowact.datagen.photographic.piece import Piece
from flowact.datagen.photographic.skin import compose_skin

Floats = NDArray[np.floating[Any]]

_EYE_CENTRE = (150, 360)  # x, y of one of the two eyeballs of an iris picture of 512 texels
_EYE_REACH = 109  # texels from there to where the renderer's eyeball ends; its iris is .53 of that
_EYE_TEXELS = 64  # an eyeball is some thirty pixels wide: more would shimmer
_LASH_TEXELS = 128
_TEETH_TEXELS = 256


def dress(character: Character, look: Look, humanoid: Humanoid, library: Library) -> Photographs:
    """The textures and worn meshes of a look."""
    skin, body = compose_skin(look, character.skin, humanoid, library, character.seed)
    lashes = tile(library, look.lashes, _LASH_TEXELS)
    teeth = tile(library, look.teeth, _TEETH_TEXELS)
    teeth[..., :3] *= 1.15 * look.white  # in the photograph they are grey
    tiles = [lashes, teeth] + ([hair_tile(look.hair, character.hair, library)] if look.hair else [])
    cards, places = atlas(tiles)
    layers = [
        bound_layer(library.piece(look.teeth), humanoid, shading.TEETH, places[1]),
        bound_layer(library.piece(look.lashes), humanoid, shading.LASHES, places[0], True),
    ]
    if look.hair:
        layers.append(hair_layer(library.piece(look.hair), places[2]))
    replaced = frozenset({"lashes", "teeth_upper", "teeth_lower"})
    return Photographs(skin, body, eyeball(look, library), cards, tuple(layers), replaced)


def eyeball(look: Look, library: Library) -> Floats:
    """One eyeball from the front [s, s, 3]: the photographed white and an iris of the look's colour."""
    (x, y), reach = _EYE_CENTRE, round(_EYE_REACH / look.iris_size)
    crop = library.rgb(look.iris)[y - reach : y + reach, x - reach : x + reach]
    small = cv2.resize(crop, (_EYE_TEXELS, _EYE_TEXELS), interpolation=cv2.INTER_AREA)
    axis = (np.arange(_EYE_TEXELS) + 0.5) / (_EYE_TEXELS / 2) - 1
    radius = np.hypot(*np.meshgrid(axis, axis))
    inside = np.clip((0.55 * look.iris_size - radius) / 0.04, 0, 1)[..., None]
    grey = small.mean(-1, keepdims=True)
    recoloured = grey + 0.35 * (small - grey)
    coloured = np.where(max(look.iris_gain) < 0.65, recoloured * 1.3, small) * look.iris_gain
    return np.ascontiguousarray(small + inside * (coloured - small), np.float32)


def bound_layer(
    piece: Piece, humanoid: Humanoid, material: int, place: Floats, cut_out: bool = False
) -> Layer:
    """A piece as a layer that follows the vertices it is bound to."""
    surface = piece.surface(len(humanoid.template))
    uv = piece.uv @ place[:, :2].T + place[:, 2]
    return Layer(
        np.asarray(surface @ humanoid.template + piece.offsets, np.float32),
        piece.triangles,
        material,
        surface=surface,
        shift=piece.offsets,
        uv=np.asarray(uv, np.float32),
        cut_out=cut_out,
    )
