"""Cards: meshes with a texture of their own, and the one texture that all cards of a person share."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.graphics.layout import TEETH
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.photographic.sources.piece import Piece

Floats = NDArray[np.floating[Any]]
_EMPTY = 0.05  # opacity below which a texel's colour means nothing
Card = tuple[Floats, Layer]
"""A texture [h, w, 4] (linear RGB and alpha), and the mesh whose uv lie in it."""


def tile(library: Library, name: str, size: int) -> Floats:
    """Colour and alpha [size, size, 4] of a card, averaged down so that thin hair does not break up."""
    alpha = library.alpha(name)[..., None]
    picture = np.concatenate([library.rgb(name) * alpha, alpha], -1)
    small = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    empty = small[..., 3] < _EMPTY
    if empty.any() and not empty.all():  # else what is drawn at an edge would mix with black
        nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
        small[..., :3] = small[tuple(nearest)][..., :3]
    return small


def pack(cards: list[Card]) -> tuple[Floats, tuple[Layer, ...]]:
    """All textures side by side [H, W, 4], and the meshes with their uv moved to where theirs stands."""
    height = max(texture.shape[0] for texture, _ in cards)
    width = sum(texture.shape[1] for texture, _ in cards)
    picture = np.zeros((height, width, 4), np.float32)
    layers, left = [], 0
    for texture, layer in cards:
        rows, columns = texture.shape[:2]
        picture[:rows, left : left + columns] = texture
        size = np.array([columns / width, rows / height], np.float32)
        corner = np.array([left / width, 1 - rows / height], np.float32)
        layers.append(replace(layer, uv=layer.uv * size + corner))
        left += columns
    return picture, tuple(layers)


def teeth_layers(piece: Piece, humanoid: Humanoid) -> list[Layer]:
    """Upper and lower teeth; the lower ones turn with the jaw."""
    lower = np.asarray(humanoid.part_vertices("teeth_lower")[piece.refs].all(1))
    return [
        bound_layer(piece.without(lower), humanoid, TEETH),
        replace(bound_layer(piece.without(~lower), humanoid, TEETH), jaw=True),
    ]


def bound_layer(piece: Piece, humanoid: Humanoid, material: int, cut_out: bool = False) -> Layer:
    """A piece as a layer that follows the vertices it is bound to."""
    surface = piece.surface(len(humanoid.template))
    return Layer(
        np.asarray(surface @ humanoid.template + piece.offsets, np.float32),
        piece.triangles,
        material,
        surface=surface,
        shift=piece.offsets,
        uv=piece.uv,
        cut_out=cut_out,
    )
