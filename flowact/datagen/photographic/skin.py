"""Skin out of two photographs, in the UV layout of the rig."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.skin import SkinStyle, paint_over
from flowact.datagen.appearance.skin_canvas import SKIN_TEXELS, SKIN_WINDOW, skin_canvas
from flowact.datagen.graphics.raster import rasterize
from flowact.datagen.photographic.look import Look
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.photographic.sources.piece import Piece

Floats = NDArray[np.floating[Any]]


def compose_skin(
    look: Look, style: SkinStyle, humanoid: Humanoid, library: Library, seed: int
) -> tuple[Floats, Floats]:
    """Albedo and gloss of the head [H, W, 4] and albedo of the whole body [h, w, 3]."""
    first, second = (library.rgb(name) for name in look.skins)
    body = first + look.share * (second - first)
    canvas = skin_canvas(humanoid)
    head = _window(body, canvas.lips.shape)
    gain = _gain(head, canvas.position, look)
    head = paint_over(canvas, head * gain, style, seed)
    weight = np.minimum(1.5 * brow_map(look.brows, humanoid, library), 1) * look.brow_weight
    head[..., :3] += weight[..., None] * (np.asarray(style.brows, np.float32) - head[..., :3])
    return np.ascontiguousarray(head, np.float32), np.clip(body * gain, 0.002, 0.95)


def _window(body: Floats, shape: tuple[int, ...]) -> Floats:
    """The part of the UV square [h, w, 3] that shows the head, at the resolution of the canvas."""
    u0, v0, u1, v1 = (np.asarray(SKIN_WINDOW) * body.shape[0]).round().astype(int)
    part = body[body.shape[0] - v1 : body.shape[0] - v0, u0:u1]
    return np.clip(cv2.resize(part, shape[::-1], interpolation=cv2.INTER_CUBIC), 0.002, 0.95)


def _gain(head: Floats, position: Floats, look: Look) -> Floats:
    """Factor per channel that gives the face the look's hue, and its lightness within what photographs bear."""
    x, y, z = np.moveaxis(position, -1, 0)
    face = (np.abs(x) < 0.5) & (y > 6.5) & (y < 7.4) & (z > 0.9)
    gain = np.asarray(look.tone) / np.median(head[face], 0)
    return np.asarray(gain * np.clip(2.5 / gain.max(), None, 1), np.float32)


def brow_map(name: str, humanoid: Humanoid, library: Library) -> Floats:
    """Opacity [H, W] of brows over the head's texture."""
    piece, alpha = library.piece(name), library.alpha(name)
    u0, v0, u1, v1 = SKIN_WINDOW
    texel = (_texture_place(piece, humanoid) - (u0, v1)) * (SKIN_TEXELS, -SKIN_TEXELS)
    shape = (int((v1 - v0) * SKIN_TEXELS), int((u1 - u0) * SKIN_TEXELS))
    screen = np.concatenate([texel, np.ones((len(texel), 1))], 1).astype(np.float32)
    ids, near = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    rasterize(screen, piece.triangles, np.ones(len(piece.triangles), bool), ids, near)
    rows, columns = np.nonzero(ids >= 0)
    uv = _uv_at(piece, screen, ids[rows, columns], np.stack([columns, rows], 1) + 0.5)
    softened = cv2.GaussianBlur(alpha, (0, 0), 1.2)  # a texel of the head covers about three
    at = np.clip(np.stack([1 - uv[:, 1], uv[:, 0]], 1) * alpha.shape, 0, np.array(alpha.shape) - 1)
    result = np.zeros(shape, np.float32)
    result[rows, columns] = softened[tuple(at.astype(int).T)]
    return result


def _texture_place(piece: Piece, humanoid: Humanoid) -> Floats:
    """Where each vertex of a piece [N, 2] lies in the texture of the skin under it."""
    body = humanoid.part_mask("body")
    uv = np.zeros((len(humanoid.template), 2), np.float32)
    uv[humanoid.triangles[body].ravel()] = humanoid.uv[body].reshape(-1, 2)
    return np.asarray(piece.surface(len(uv)) @ uv, np.float32)


def _uv_at(piece: Piece, screen: Floats, faces: NDArray[np.int32], at: Floats) -> Floats:
    """Texture coordinates [K, 2] of a piece at the points `at` [K, 2] inside `faces` [K]."""
    a, b, c = np.moveaxis(screen[piece.triangles[faces]][..., :2], 1, 0)
    p, b, c = at - a, b - a, c - a
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    wb = (p[:, 0] * c[:, 1] - p[:, 1] * c[:, 0]) / area
    wc = (b[:, 0] * p[:, 1] - b[:, 1] * p[:, 0]) / area
    weights = np.stack([1 - wb - wc, wb, wc], 1)[..., None]
    return np.asarray((weights * piece.uv[faces]).sum(1), np.float32)
