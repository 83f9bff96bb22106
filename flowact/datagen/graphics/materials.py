"""Colour and gloss of every material at a point of its surface."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.graphics.layout import (
    CARD,
    CLOTH_MAIN,
    EYE,
    EYES,
    GARMENT,
    HAIR,
    HAIR_CARD,
    HAIR_ROOT,
    HAIR_TIP,
    IRIS_INNER,
    IRIS_OUTER,
    LASH,
    LASHES,
    REST,
    SIZES,
    SKIN,
    STRAND,
    TEETH,
    TONE,
    TONGUE,
    WINDOW,
)
from flowact.datagen.graphics.texture import smoothstep, texture, value_noise

Floats = NDArray[np.floating[Any]]


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _skin_albedo(
    skin: Floats, body: Floats, paint: Floats, u: float, v: float, rest: Floats, out: Floats
) -> float:
    """The head's texture; elsewhere the body's or, without one, mottled skin. Returns the gloss."""
    u0, v0, v1 = paint[WINDOW, 0], paint[WINDOW, 1], paint[WINDOW, 2]
    if u > u0 and v > v0 and v < v1:
        x = (u - u0) / (1.0 - u0)
        y = (v - v0) / (v1 - v0)
        for c in range(3):
            out[c] = texture(skin, x, y, c)
        return texture(skin, x, y, 3)
    if body.shape[0] > 1:
        for c in range(3):
            out[c] = texture(body, u, v, c)
        return 0.3
    mottle = 0.95 + 0.10 * value_noise(rest[0] * 9.0, rest[1] * 9.0, rest[2] * 9.0)
    for c in range(3):
        out[c] = paint[TONE, c] * mottle
    return 0.3


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _eye_albedo(paint: Floats, iris_map: Floats, rest: Floats, out: Floats) -> float:
    """A photographed eye, or sclera, limbal ring, streaked iris and pupil by angle from its axis; returns the gloss."""
    side = 0 if rest[0] > 0 else 1
    dx = (rest[0] - paint[EYES + side, 0]) / paint[SIZES, 0]
    dy = (rest[1] - paint[EYES + side, 1]) / paint[SIZES, 0]
    front = rest[2] - paint[EYES + side, 2]
    radius = np.sqrt(dx * dx + dy * dy) if front > 0 else 2.0
    if iris_map.shape[0] > 1:
        mirrored = dx if side == 0 else -dx
        for c in range(3):
            out[c] = texture(iris_map, 0.5 + 0.5 * mirrored, 0.5 + 0.5 * dy, c)
        return 1.0
    angle = np.arctan2(dy, dx)
    streak = 0.75 + 0.5 * value_noise(angle * 6.0 + 40.0, radius * 4.0, side + 0.5)
    iris = 1.0 - smoothstep(0.50, 0.545, radius)
    pupil = 1.0 - smoothstep(0.20, 0.235, radius)
    ring = smoothstep(0.36, 0.53, radius)
    veins = 0.03 * value_noise(dx * 9 + 7, dy * 9 + 3, 1.5) * smoothstep(0.6, 1.0, radius)
    inner = 1.0 - smoothstep(0.22, 0.42, radius)
    for c in range(3):
        white = (
            0.80
            - (0.10 * smoothstep(0.55, 1.0, radius)) * (1.0 if c else 0.6)
            - (veins if c else 0.0)
        )
        colour = (
            (paint[IRIS_INNER, c] * inner + paint[IRIS_OUTER, c] * (1 - inner))
            * streak
            * (1.0 - 0.75 * ring)
        )
        out[c] = white * (1 - iris) + colour * iris * (1 - pupil) + 0.004 * pupil
    return 1.0


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _hair_albedo(paint: Floats, strand: float, along: float, out: Floats) -> float:
    fine = value_noise(strand * 150.0, along * 5.0, 0.5)
    clump = value_noise(strand * 34.0, along * 2.0, 7.5)
    shade = 0.50 + 0.55 * fine + 0.40 * clump
    tip = min(max(along, 0.0), 1.0)
    for c in range(3):
        out[c] = (paint[HAIR_ROOT, c] * (1 - tip) + paint[HAIR_TIP, c] * tip) * shade
    return 0.5 + 0.5 * fine


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _cloth_albedo(paint: Floats, rest: Floats, collar: float, out: Floats) -> float:
    """Knit, stripes, checks or an open jacket over a shirt (whose collar is marked), drawn in rest space."""
    pattern, scale = int(paint[SIZES, 2]), paint[GARMENT, 0]
    x, y = rest[0], rest[1]
    weave = 0.93 + 0.14 * value_noise(x * 26.0, y * 26.0, rest[2] * 26.0)
    layer = 0
    if pattern == 1:
        layer = 1 if (y * scale) % 1.0 < 0.5 else 0
    elif pattern == 2:
        across = 1 if (x * scale) % 1.0 < 0.35 else 0
        down = 1 if (y * scale) % 1.0 < 0.35 else 0
        weave *= 1.0 - 0.22 * across - 0.22 * down
    elif pattern == 3 and rest[2] > 0:
        depth = paint[GARMENT, 1] - y
        width = 0.62 * max(0.0, 1.0 - depth / paint[GARMENT, 2])
        edge = abs(x) - width
        if collar > 0.5 or (y > 5.72 and abs(x) < 0.75) or (depth > 0 and edge < 0):
            layer = 3
        elif depth > 0 and edge < 0.05:
            layer = 2
        elif abs(x) < 0.02:
            weave *= 0.5
    for c in range(3):
        out[c] = paint[CLOTH_MAIN + layer, c] * weave
    return 0.15


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def albedo(  # noqa: C901, PLR0912 - a case per material
    material: int,
    a: Floats,
    u: float,
    v: float,
    skin: Floats,
    body: Floats,
    iris: Floats,
    cards: Floats,
    paint: Floats,
    colour: Floats,
) -> float:
    """Write the albedo [3] of a point with attributes `a` into `colour`; returns its gloss."""
    gloss = 0.2
    rest = a[REST : REST + 3]
    if material == SKIN:
        gloss = _skin_albedo(skin, body, paint, u, v, rest, colour)
    elif material == EYE:
        gloss = _eye_albedo(paint, iris, rest, colour)
    elif material == TEETH:
        depth = smoothstep(paint[SIZES, 1] - 0.32, paint[SIZES, 1] - 0.02, rest[2])
        for c in range(3):
            tooth = texture(cards, u, v, c) if cards.shape[0] > 1 else (0.86, 0.82, 0.74)[c]
            colour[c] = tooth * (0.10 + 0.90 * depth)
    elif material == TONGUE:
        depth = smoothstep(paint[SIZES, 1] - 0.45, paint[SIZES, 1] - 0.1, rest[2])
        for c in range(3):
            colour[c] = (0.55, 0.17, 0.17)[c] * (0.15 + 0.85 * depth)
    elif material == LASHES:
        for c in range(3):
            colour[c] = paint[LASH, c]
    elif material == HAIR:
        gloss = _hair_albedo(paint, a[STRAND], a[STRAND + 1], colour)
    elif material == HAIR_CARD:
        for c in range(3):
            colour[c] = texture(cards, u, v, c)
        gloss = 0.6
    elif material == CARD:  # anything else with a texture, whose gloss stands in the attributes
        for c in range(3):
            colour[c] = texture(cards, u, v, c)
        gloss = a[STRAND]
    else:
        gloss = _cloth_albedo(paint, rest, a[STRAND], colour)
    return gloss
