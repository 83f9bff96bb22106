"""Where every texel of the head's texture lies on the base mesh."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.skin import SkinCanvas
from flowact.datagen.graphics.raster import rasterize

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]

SKIN_TEXELS = 1400  # texture edge that the whole UV square would have
SKIN_WINDOW = (0.635, 0.14, 1.0, 0.83)  # u, v range of the head

_CANVAS: dict[int, SkinCanvas] = {}


def skin_canvas(humanoid: Humanoid) -> SkinCanvas:
    """The texel maps of the head, computed once per humanoid."""
    if id(humanoid) not in _CANVAS:
        _CANVAS[id(humanoid)] = _texel_maps(humanoid)
    return _CANVAS[id(humanoid)]


def _texel_maps(humanoid: Humanoid) -> SkinCanvas:
    u0, v0, u1, v1 = SKIN_WINDOW
    width, height = int((u1 - u0) * SKIN_TEXELS), int((v1 - v0) * SKIN_TEXELS)
    body = humanoid.part_mask("body")
    triangles, uv = humanoid.triangles[body], humanoid.uv[body]
    flat = np.ones((uv.shape[0] * 3, 3), np.float32)
    flat[:, 0] = (uv[..., 0].ravel() - u0) * SKIN_TEXELS
    flat[:, 1] = (v1 - uv[..., 1].ravel()) * SKIN_TEXELS
    ids = np.full((height, width), -1, np.int32)
    near = np.zeros((height, width), np.float32)
    faces = np.arange(len(flat), dtype=np.int32).reshape(-1, 3)
    rasterize(flat, faces, np.ones(len(faces), bool), ids, near)
    columns = np.concatenate(
        [humanoid.template, humanoid.masks["lips"][:, None], humanoid.masks["mouth"][:, None]], 1
    )
    maps = _spread(_interpolate(ids, flat, faces, columns[triangles.ravel()]), ids < 0)
    return SkinCanvas(maps[..., :3], np.clip(maps[..., 3], 0, 1), np.clip(maps[..., 4], 0, 1))


def _interpolate(ids: I32, screen: Floats, faces: I32, columns: Floats) -> Floats:
    rows, cols = np.nonzero(ids >= 0)
    corners = screen[faces[ids[rows, cols]]][..., :2]
    p = np.stack([cols + 0.5, rows + 0.5], 1) - corners[:, 0]
    b, c = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    wb = (p[:, 0] * c[:, 1] - p[:, 1] * c[:, 0]) / area
    wc = (b[:, 0] * p[:, 1] - b[:, 1] * p[:, 0]) / area
    weights = np.stack([1 - wb - wc, wb, wc], 1)[..., None]
    result = np.zeros((*ids.shape, columns.shape[1]), np.float32)
    result[rows, cols] = (weights * columns[faces[ids[rows, cols]]]).sum(1)
    return result


def _spread(maps: Floats, empty: NDArray[np.bool_]) -> Floats:
    """Fill texels outside the charts from the nearest one inside, so that seams do not bleed."""
    index = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    return np.asarray(maps[tuple(index)], np.float32)
