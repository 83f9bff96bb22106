"""Procedural skin, painted in the UV space of the head.

Every layer is a smooth function of *template* coordinates (the position of a texel on the unshaped base
mesh, decimetres), so one painter fits all identities: features move with the mesh, never with the texture.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from flowact.datagen.appearance.hair import hairline_distance

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SkinStyle:
    """The paint of one face; colours are linear RGB albedos, amounts lie in [0, 1]."""

    tone: tuple[float, float, float] = (0.62, 0.40, 0.30)
    blush: float = 0.5
    lips: tuple[float, float, float] = (0.55, 0.22, 0.20)
    brows: tuple[float, float, float] = (0.10, 0.06, 0.04)
    brow_weight: float = 0.6
    brow_arch: float = 0.5
    beard: float = 0.0
    moustache: float = 0.0
    stubble: float = 0.0
    freckles: float = 0.0
    age: float = 0.2
    makeup: float = 0.0
    scalp: tuple[float, float, float] = (0.10, 0.06, 0.04)
    scalp_cover: float = 0.0


@dataclass(frozen=True)
class SkinCanvas:
    """Where every texel lies: template position [H, W, 3], lips and inner-mouth masks [H, W]."""

    position: Floats
    lips: Floats
    mouth: Floats


def paint_skin(canvas: SkinCanvas, style: SkinStyle, seed: int) -> Floats:
    """Paint albedo and gloss [H, W, 4] of a face; `seed` fixes the fine texture."""
    rng = np.random.default_rng(seed)
    albedo = np.broadcast_to(np.asarray(style.tone, np.float32), (*canvas.lips.shape, 3)).copy()
    gloss = np.full(canvas.lips.shape, 0.35, np.float32)
    x, y, z = np.moveaxis(canvas.position, -1, 0)
    front = _step(0.55, 0.95, z)
    _mottle(albedo, rng)
    _blush(albedo, style, x, y, front)
    _sockets(albedo, style, x, y, front)
    _creases(albedo, style, x, y, front, rng)
    _freckles(albedo, style, x, y, front, rng)
    _scalp(albedo, style, canvas.position, rng)
    _beard(albedo, gloss, style, x, y, z, rng)
    _lips(albedo, gloss, style, canvas, x, y, rng)
    _brows(albedo, style, x, y, front, rng)
    _eyelids(albedo, style, x, y, front)
    _mouth(albedo, gloss, canvas)
    return np.concatenate([np.clip(albedo, 0.002, 0.95), gloss[..., None]], axis=-1)


def paint_over(canvas: SkinCanvas, albedo: Floats, style: SkinStyle, seed: int) -> Floats:
    """Add to a photographed skin [H, W, 3] what it lacks: pores, roots of hair, beard, make-up; with gloss.

    Returns albedo and gloss [H, W, 4]. Brows are not painted: see `photographic.skin`.
    """
    rng = np.random.default_rng(seed)
    albedo = np.array(albedo, np.float32)
    gloss = np.full(canvas.lips.shape, 0.35, np.float32)
    x, y, z = np.moveaxis(canvas.position, -1, 0)
    front = _step(0.55, 0.95, z)
    _pores(albedo, gloss, rng)
    _blush(albedo, replace(style, blush=0.4 * style.blush), x, y, front)
    _freckles(albedo, style, x, y, front, rng)
    _scalp(albedo, style, canvas.position, rng)
    _beard(albedo, gloss, style, x, y, z, rng)
    gloss += canvas.lips * (0.25 + 0.6 * style.makeup)
    if style.makeup > 0:
        _mix(albedo, style.lips, 0.7 * style.makeup * canvas.lips)
        _liner(albedo, style, x, y, front)
    _mouth(albedo, gloss, canvas)
    return np.concatenate([np.clip(albedo, 0.002, 0.95), gloss[..., None]], axis=-1)


def _pores(albedo: Floats, gloss: Floats, rng: np.random.Generator) -> None:
    """Fine grain: dark dots, and a gloss that breaks up."""
    shape = gloss.shape
    fine = _noise(shape, 1.6, rng)
    dots = _step(0.9, 2.2, fine)
    albedo *= (1 + 0.020 * _noise(shape, 3.5, rng) - 0.10 * rng.uniform(0.3, 1.0) * dots)[..., None]
    gloss *= np.clip(rng.uniform(0.5, 1.5) * (1 + 0.25 * fine + 0.2 * _noise(shape, 30, rng)), 0, 3)


def _step(low: float, high: float, value: Floats) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _blob(x: Floats, y: Floats, cx: float, cy: float, sx: float, sy: float) -> Floats:
    return np.asarray(np.exp(-(((x - cx) / sx) ** 2) - ((y - cy) / sy) ** 2), np.float32)


def _noise(shape: tuple[int, ...], cell: float, rng: np.random.Generator) -> Floats:
    """Smooth noise with zero mean and unit deviation; `cell` is the feature size in texels."""
    grid = rng.standard_normal([int(n / cell) + 4 for n in shape]).astype(np.float32)
    zoomed = ndimage.zoom(grid, cell, order=1)[: shape[0], : shape[1]]
    return np.asarray(zoomed / zoomed.std(), np.float32)


def _mix(albedo: Floats, colour: tuple[float, float, float] | Floats, weight: Floats) -> None:
    albedo += weight[..., None] * (np.asarray(colour, np.float32) - albedo)


def _tint(albedo: Floats, factors: tuple[float, float, float], weight: Floats) -> None:
    albedo *= 1 + weight[..., None] * (np.asarray(factors, np.float32) - 1)


def _mottle(albedo: Floats, rng: np.random.Generator) -> None:
    shape = albedo.shape[:2]
    albedo *= (1 + 0.025 * _noise(shape, 40, rng) + 0.018 * _noise(shape, 6, rng))[..., None]
    albedo[..., 0] *= 1 + 0.02 * _noise(shape, 24, rng)


def _blush(albedo: Floats, style: SkinStyle, x: Floats, y: Floats, front: Floats) -> None:
    red = (1.06, 0.74, 0.72)
    cheeks = _blob(np.abs(x), y, 0.44, 6.95, 0.22, 0.20)
    nose = _blob(x, y, 0, 6.90, 0.13, 0.12)
    chin = _blob(x, y, 0, 6.28, 0.2, 0.12)
    ears = _step(0.74, 0.84, np.abs(x)) * _step(6.7, 6.95, y)
    _tint(albedo, red, style.blush * np.clip(cheeks + 0.7 * nose + 0.35 * chin, 0, 1) * front)
    _tint(albedo, red, np.asarray(0.6 * ears, np.float32))


def _sockets(albedo: Floats, style: SkinStyle, x: Floats, y: Floats, front: Floats) -> None:
    under = _blob(np.abs(x), y, 0.29, 7.13, 0.13, 0.06)
    above = _blob(np.abs(x), y, 0.30, 7.39, 0.17, 0.07)
    _tint(albedo, (0.80, 0.68, 0.70), (0.25 + 0.45 * style.age) * under * front)
    _tint(albedo, (0.88, 0.76, 0.74), 0.55 * above * front)


def _creases(
    albedo: Floats, style: SkinStyle, x: Floats, y: Floats, front: Floats, rng: np.random.Generator
) -> None:
    """Forehead lines, crow's feet and the fold beside the nose deepen with age."""
    ax = np.abs(x)
    wave = 0.02 * np.sin(7 * x + rng.uniform(0, 6))
    lines = sum(_blob(x, y + wave, 0, level, 0.42, 0.012) for level in (7.72, 7.82, 7.91))
    feet = sum(
        _blob(ax, y - slope * (ax - 0.52), 0.58, 7.26, 0.07, 0.010) for slope in (-0.5, 0.1, 0.7)
    )
    fold_x = 0.19 + 0.22 * np.clip((6.95 - y) / 0.4, 0, 1)
    fold = np.exp(-(((ax - fold_x) / 0.022) ** 2)) * _step(6.55, 6.65, y) * _step(-6.95, -6.85, -y)
    depth = np.clip(style.age - 0.25, 0, 1)
    weight = np.clip(depth * (lines + feet) + (0.12 + 0.6 * depth) * fold, 0, 1) * front
    _tint(albedo, (0.72, 0.60, 0.58), np.asarray(0.7 * weight, np.float32))


def _freckles(
    albedo: Floats, style: SkinStyle, x: Floats, y: Floats, front: Floats, rng: np.random.Generator
) -> None:
    if style.freckles <= 0:
        return
    where = _blob(x, y, 0, 6.98, 0.52, 0.24) * front
    spots = _step(1.5, 2.3, _noise(albedo.shape[:2], 3.2, rng))
    _tint(albedo, (0.72, 0.52, 0.42), style.freckles * spots * where)


def _scalp(albedo: Floats, style: SkinStyle, position: Floats, rng: np.random.Generator) -> None:
    """Hair roots fade in behind the hairline, which hides where the hair mesh begins."""
    distance = hairline_distance(position) + 0.012 * _noise(albedo.shape[:2], 2, rng)
    _mix(albedo, style.scalp, style.scalp_cover * _step(-0.03, 0.12, distance))


def beard_area(x: Floats, y: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Where chin and cheeks, and where the upper lip are bearded: weights in [0, 1] at template positions."""
    ax = np.abs(x)
    top = 6.56 + 0.50 * np.clip((ax - 0.30) / 0.40, 0, 1) ** 1.5
    jaw = _step(-0.05, 0.06, top - y) * _step(5.95, 6.15, y) * _step(0.35, 0.55, z)
    sideburn = (
        _step(0.60, 0.66, ax) * _step(-7.15, -7.0, -y) * _step(6.6, 6.7, y) * _step(0.55, 0.66, z)
    )
    below_lip = _blob(x, y, 0, 6.47, 0.10, 0.06)
    bare = _blob(ax, y, 0.17, 6.48, 0.07, 0.045)
    chin = np.clip(np.maximum(jaw, sideburn) * (1 - 0.8 * bare) + 0.3 * below_lip * jaw, 0, 1)
    lip = _blob(x, y, 0, 6.725, 0.25, 0.045) * _step(1.0, 1.2, z)
    corner = _blob(ax, y, 0.31, 6.60, 0.05, 0.13) * _step(0.9, 1.1, z)
    return chin, lip + corner


def _beard(
    albedo: Floats,
    gloss: Floats,
    style: SkinStyle,
    x: Floats,
    y: Floats,
    z: Floats,
    rng: np.random.Generator,
) -> None:
    chin, lip = beard_area(x, y, z)
    grain = np.clip(0.80 + 0.16 * _noise(albedo.shape[:2], 1.3, rng), 0, 1.1)
    full = np.clip(style.beard * chin + style.moustache * np.clip(lip, 0, 1), 0, 1)
    _mix(albedo, style.brows, np.clip(full * grain, 0, 0.96))
    gloss *= 1 - 0.8 * full
    shade = style.stubble * np.clip(chin + lip, 0, 1) * np.clip(grain, 0.3, 1)
    _tint(albedo, (0.55, 0.55, 0.60), np.asarray(0.75 * shade, np.float32))


def _lips(
    albedo: Floats,
    gloss: Floats,
    style: SkinStyle,
    canvas: SkinCanvas,
    x: Floats,
    y: Floats,
    rng: np.random.Generator,
) -> None:
    ridges = 1 + 0.07 * np.sin(110 * x + 1.5 * _noise(canvas.lips.shape, 8, rng))
    _mix(albedo, np.asarray(style.lips, np.float32) * ridges[..., None], 0.92 * canvas.lips)
    gloss += canvas.lips * (0.35 + 0.5 * style.makeup)
    _tint(albedo, (0.85, 0.80, 0.80), 0.35 * canvas.lips * _step(6.6, 6.68, y))


def _brows(
    albedo: Floats, style: SkinStyle, x: Floats, y: Floats, front: Floats, rng: np.random.Generator
) -> None:
    ax = np.abs(x)
    t = np.clip((ax - 0.12) / 0.46, 0, 1)
    middle = 7.478 + (0.030 + 0.055 * style.brow_arch) * np.sin(0.78 * np.pi * t**1.1)
    half = (0.034 + 0.030 * style.brow_weight) * (1 - 0.66 * t**1.8)
    across = (y - middle) / half
    inside = _step(-0.02, 0.08, ax - 0.10) * _step(0.0, 0.10, 0.60 - ax)
    slope = 60 * (y - middle) - 25 * (ax - 0.12)
    hairs = 0.93 + 0.07 * np.sin(90 * ax + slope + 2.0 * _noise(x.shape, 5, rng))
    weight = (
        np.exp(-(np.abs(across) ** 3)) * inside * hairs * front * (0.55 + 0.45 * style.brow_weight)
    )
    _mix(albedo, style.brows, np.asarray(np.clip(weight, 0, 0.95), np.float32))


def _eyelids(albedo: Floats, style: SkinStyle, x: Floats, y: Floats, front: Floats) -> None:
    """A dark rim where lids meet the eye; with make-up, a line and a shadow."""
    upper = _step(7.26, 7.32, y)
    rim = _lid_rim(_lid_ring(x, y))
    _tint(albedo, (0.62, 0.46, 0.44), np.asarray((0.45 + 0.2 * upper) * rim * front, np.float32))
    _liner(albedo, style, x, y, front)


def _lid_ring(x: Floats, y: Floats) -> Floats:
    """Distance from the middle of the eye; 1 where the lids end."""
    ax = (np.abs(x) - 0.31) / 0.165
    ay = (y - 7.28) / np.where(y > 7.28, 0.082, 0.062)
    return np.asarray(np.sqrt(ax**2 + ay**2))


def _lid_rim(ring: Floats) -> Floats:
    return np.asarray(np.exp(-(((ring - 0.98) / 0.10) ** 2)))


def _liner(albedo: Floats, style: SkinStyle, x: Floats, y: Floats, front: Floats) -> None:
    """Make-up of the upper lid: a line and a shadow."""
    upper, ring = _step(7.26, 7.32, y), _lid_ring(x, y)
    line = 0.85 * style.makeup * _lid_rim(ring) * upper * front
    _mix(albedo, (0.03, 0.02, 0.02), np.asarray(line, np.float32))
    lid = np.exp(-(((ring - 1.25) / 0.30) ** 2)) * upper * front
    _tint(albedo, (0.72, 0.52, 0.56), np.asarray(0.7 * style.makeup * lid, np.float32))


def _mouth(albedo: Floats, gloss: Floats, canvas: SkinCanvas) -> None:
    _mix(albedo, (0.10, 0.018, 0.018), canvas.mouth)
    gloss *= 1 - 0.8 * canvas.mouth
