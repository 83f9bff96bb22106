"""Beards of our own: tufts of hair that grow out of the face and move with lips and jaw."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.skin import SkinStyle, beard_area
from flowact.datagen.appearance.worn_mesh import grid_triangles
from flowact.datagen.graphics import layout
from flowact.datagen.photographic.sources.piece import Piece
from flowact.datagen.photographic.worn.cards import Card, bound_layer
from flowact.motion.normals import accumulate_normals

Floats = NDArray[np.floating[Any]]
RGB = tuple[float, float, float]

_TEXELS = 64
_STRANDS = 9
_DENSITY = 2600  # tufts of a full beard
_SEGMENTS = 2


def beard_tile(colour: RGB, rng: np.random.Generator) -> Floats:
    """One tuft [s, s, 4]: strands that taper from the root (below) to the tip (above)."""
    v = (np.arange(_TEXELS)[::-1, None] + 0.5) / _TEXELS
    u = (np.arange(_TEXELS)[None] + 0.5) / _TEXELS
    alpha = np.zeros((_TEXELS, _TEXELS))
    shade = np.full((_TEXELS, _TEXELS), 0.5)
    for _ in range(_STRANDS):
        middle = rng.uniform(0.12, 0.88) + rng.uniform(-0.25, 0.25) * v**2
        length, tone = rng.uniform(0.6, 1.0), rng.uniform(0.4, 1.5)
        width = 0.055 * np.clip(1 - v / length, 0, 1) ** 0.5
        strand = np.clip((width - np.abs(u - middle)) * _TEXELS + 0.5, 0, 1) * (v < length)
        shade = np.where(strand > alpha, tone, shade)
        alpha = np.maximum(alpha, strand)
    picture = np.asarray(colour)[None, None] * shade[..., None]
    tile = np.concatenate([np.clip(picture, 0.002, 0.95), alpha[..., None]], -1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(tile, (0, 0), 1.0), np.float32)


def beard_card(
    humanoid: Humanoid, style: SkinStyle, length: float, rng: np.random.Generator
) -> Card:
    """Tufts where the style has a beard or a moustache, `length` dm long at the chin."""
    faces, weights, on_lip = _roots(humanoid, style, rng)
    corners = humanoid.triangles[faces]
    root = (humanoid.template[corners] * weights[..., None]).sum(1)
    normals = np.zeros_like(humanoid.template)
    accumulate_normals(humanoid.template, humanoid.triangles, normals)
    normal = (normals[corners] * weights[..., None]).sum(1)
    way = _combed(root, normal, on_lip, rng)
    size = length * np.where(on_lip, 0.5, np.clip((7.0 - root[:, 1]) / 0.6, 0.25, 1))
    piece = _tufts(
        root, corners, weights, normal, way * (size * rng.uniform(0.7, 1.2, len(size)))[:, None]
    )
    layer = bound_layer(piece, humanoid, layout.HAIR_CARD, True)
    around = np.repeat(normal, 2 * (_SEGMENTS + 1), axis=0).astype(np.float32)
    along = np.repeat(way, 2 * (_SEGMENTS + 1), axis=0).astype(np.float32)
    return beard_tile(style.brows, rng), replace(layer, normal=around, tangent=along)


def _roots(
    humanoid: Humanoid, style: SkinStyle, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """Random triangles [N] and weights [N, 3] in them, as dense as the beard; and which are on the lip."""
    corners = humanoid.template[humanoid.triangles]
    near = (
        humanoid.part_mask("body") & (corners[..., 1] > 5.9).all(1) & (corners[..., 1] < 7.2).all(1)
    )
    near &= (corners[..., 2] > 0.3).all(1) & (np.abs(corners[..., 0]) < 0.9).all(1)
    candidates = np.flatnonzero(near)
    across = np.cross(*(corners[candidates, k] - corners[candidates, 0] for k in (1, 2)))
    area = np.linalg.norm(across, axis=1) * (across[:, 2] > 0)
    lips = humanoid.masks["lips"][humanoid.triangles[candidates]].max(1)
    area = (
        area * (lips < 0.3) * (humanoid.masks["mouth"][humanoid.triangles[candidates]].max(1) < 0.5)
    )
    chosen = candidates[rng.choice(len(candidates), 4 * _DENSITY, p=area / area.sum())]
    weights = rng.dirichlet((1, 1, 1), len(chosen)).astype(np.float32)
    chin, lip = beard_area(*(corners[chosen] * weights[..., None]).sum(1).T)
    wanted = np.clip(style.beard * chin + style.moustache * np.clip(lip, 0, 1), 0, 1)
    kept = rng.random(len(chosen)) < wanted
    return chosen[kept], weights[kept], (lip > chin)[kept]


def _combed(
    root: Floats, normal: Floats, on_lip: NDArray[np.bool_], rng: np.random.Generator
) -> Floats:
    """Unit directions [N, 3]: down and a little out, on the lip to the sides."""
    side = np.sign(root[:, 0]) * np.where(on_lip, 0.9, 0.15)
    down = np.where(on_lip, -0.55, -1.0)
    way = np.stack([side, down, np.zeros_like(side)], 1) + 0.45 * normal
    way += rng.normal(0, 0.22, way.shape)
    return np.asarray(way / np.linalg.norm(way, axis=1, keepdims=True), np.float32)


def _tufts(
    root: Floats, corners: NDArray[np.int32], weights: Floats, normal: Floats, way: Floats
) -> Piece:
    """A bent strip for each root [N, 3], which ends `way` [N, 3] from it."""
    count, rows = len(root), _SEGMENTS + 1
    across = np.cross(way, normal)
    across *= 0.030 / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    share = np.linspace(0, 1, rows)[:, None, None, None]
    bulge = 0.25 * np.linalg.norm(way, axis=1)[:, None, None] * normal[:, None]
    strip = share * way[:, None] + 4 * share * (1 - share) * bulge  # [rows, N, 1, 3]
    edge = np.array([-1.0, 1.0])[:, None] * across[:, None]
    offsets = np.moveaxis(strip + edge, 0, 1).reshape(-1, 3)
    one = grid_triangles(rows, 2)
    faces = (np.arange(count)[:, None, None] * 2 * rows + one).reshape(-1, 3)
    u, v = np.tile([0.0, 1.0], rows), np.repeat(np.linspace(0, 1, rows), 2)
    uv = np.tile(np.stack([u, v], 1)[one], (count, 1, 1))
    each = 2 * rows
    return Piece(
        (np.repeat(root, each, 0) + offsets).astype(np.float32),
        np.repeat(corners, each, 0).astype(np.int32),
        np.repeat(weights, each, 0),
        offsets.astype(np.float32),
        faces.astype(np.int32),
        uv.astype(np.float32),
    )
