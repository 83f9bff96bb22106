"""The one texture that all cards of a person share."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.photographic.library import Library

Floats = NDArray[np.floating[Any]]


def tile(library: Library, name: str, size: int) -> Floats:
    """Colour and alpha [size, size, 4] of a card, averaged down so that thin hair does not break up."""
    alpha = library.alpha(name)[..., None]
    picture = np.concatenate([library.rgb(name) * alpha, alpha], -1)
    small = np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    return small


def atlas(tiles: list[Floats]) -> tuple[Floats, list[Floats]]:
    """Tiles [s, s, 4] side by side, and for each the affine map [2, 3] from its uv to the atlas's."""
    height = max(len(tile) for tile in tiles)
    width = sum(tile.shape[1] for tile in tiles)
    picture = np.zeros((height, width, 4), np.float32)
    maps, left = [], 0
    for tile in tiles:
        rows, columns = tile.shape[:2]
        picture[:rows, left : left + columns] = tile
        lower = 1 - rows / height
        maps.append(
            np.array([[columns / width, 0, left / width], [0, rows / height, lower]], np.float32)
        )
        left += columns
    return picture, maps
