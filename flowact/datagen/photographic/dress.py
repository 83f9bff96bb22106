"""Everything photographed that one person wears, ready for an `Actor`."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.character import CharacterDesign
from flowact.datagen.appearance.textures import Photographs
from flowact.datagen.graphics import layout
from flowact.datagen.photographic.look import Look
from flowact.datagen.photographic.skin import compose_skin
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.photographic.worn.beard import beard_card
from flowact.datagen.photographic.worn.cards import Card, bound_layer, pack, teeth_layers, tile
from flowact.datagen.photographic.worn.hair import hair_layer, hair_tile

Floats = NDArray[np.floating[Any]]

_EYE_CENTRE = (150, 360)  # x, y of one of the two eyeballs of an iris picture of 512 texels
_EYE_REACH = 109  # texels from there to where the renderer's eyeball ends; its iris is .53 of that
_EYE_TEXELS = 64  # an eyeball is some thirty pixels wide: more would shimmer
_LASH_TEXELS = 128
_TEETH_TEXELS = 256


def dress(
    character: CharacterDesign, look: Look, humanoid: Humanoid, library: Library
) -> Photographs:
    """The textures and worn meshes of a look."""
    skin, body = compose_skin(look, character.skin, humanoid, library, character.seed)
    cards, layers = pack(_cards(character, look, humanoid, library))
    replaced = frozenset({"lashes", "teeth_upper", "teeth_lower"})
    return Photographs(skin, body, eyeball(look, library), cards, layers, replaced)


def _cards(
    character: CharacterDesign, look: Look, humanoid: Humanoid, library: Library
) -> list[Card]:
    """Everything with a texture of its own."""
    lashes, teeth = library.piece(look.lashes), library.piece(look.teeth)
    white = tile(library, look.teeth, _TEETH_TEXELS)
    white[..., :3] *= 1.15 * look.white  # in the photograph they are grey
    cards: list[Card] = [
        (
            tile(library, look.lashes, _LASH_TEXELS),
            bound_layer(lashes, humanoid, layout.LASHES, True),
        ),
        *((white, layer) for layer in teeth_layers(teeth, humanoid)),
    ]
    if look.hair:
        piece = library.piece(look.hair)
        under = piece.without(look.hat.covers(piece.template)) if look.hat else piece
        cards.append((hair_tile(look.hair, character.hair, library), hair_layer(under)))
    if look.beard:
        rng = np.random.default_rng([character.seed, 5])
        cards.append(beard_card(humanoid, character.skin, look.beard, rng))
    if look.glasses:
        cards += look.glasses.cards(humanoid)
    if look.hat:
        cards.append(look.hat.card(humanoid))
    return cards


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
