"""Deferred shading: colour of what `rasterize` found visible.

A pixel has four samples. Samples of the same material are shaded once from averaged attributes and
weighted by their coverage, which gives the edges of supersampling for little more than the price of one
sample per pixel. Colours are linear light; `flowact.datagen.render` applies the tone curve.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.graphics.layout import (
    ATTRIBUTES,
    EYE,
    FILL,
    FILL_COLOUR,
    GROUND,
    HAIR,
    HAIR_CARD,
    KEY,
    KEY_COLOUR,
    LIGHTS,
    RIM,
    RIM_COLOUR,
    SKIN,
    SKY,
    TEETH,
    TONGUE,
)
from flowact.datagen.graphics.materials import albedo
from flowact.datagen.graphics.raster import barycentric
from flowact.datagen.graphics.texture import smoothstep

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]
Vector = tuple[float, float, float]


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _dot(x: float, y: float, z: float, rows: Floats, row: int) -> float:
    total: float = x * rows[row, 0] + y * rows[row, 1] + z * rows[row, 2]
    return total


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _lit(near: Floats, rows: Floats, px: float, py: float, pz: float) -> float:
    """Share of the key light that reaches a position: 3x3 percentage-closer filter."""
    x = rows[0, 0] * px + rows[0, 1] * py + rows[0, 2] * pz + rows[0, 3]
    y = rows[1, 0] * px + rows[1, 1] * py + rows[1, 2] * pz + rows[1, 3]
    z = rows[2, 0] * px + rows[2, 1] * py + rows[2, 2] * pz + rows[2, 3] + 0.012
    size = near.shape[0]
    ix, iy = int(x - 0.5), int(y - 0.5)
    if ix < 1 or iy < 1 or ix >= size - 2 or iy >= size - 2:
        return 1.0
    fx, fy = x - 0.5 - ix, y - 0.5 - iy
    total = 0.0
    for j in range(-1, 3):
        wy = 1 - fy if j == -1 else (fy if j == 2 else 1.0)
        for i in range(-1, 3):
            wx = 1 - fx if i == -1 else (fx if i == 2 else 1.0)
            if z >= near[iy + j, ix + i]:
                total += wx * wy
    return total / 9.0


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _ambient(lights: Floats, x: float, y: float, z: float, c: int) -> float:
    """One channel of the light from all sides on a surface with normal (x, y, z)."""
    if lights.shape[0] < LIGHTS:
        up = 0.5 + 0.5 * y
        return lights[SKY, c] * up + lights[GROUND, c] * (1.0 - up)
    total = 0.282095 * lights[8, c]
    total += 0.488603 * (lights[9, c] * y + lights[10, c] * z + lights[11, c] * x)
    total += 1.092548 * (lights[12, c] * x * y + lights[13, c] * y * z + lights[15, c] * x * z)
    total += 0.315392 * lights[14, c] * (3.0 * z * z - 1.0)
    total += 0.546274 * lights[16, c] * (x * x - y * y)
    return max(total, 0.0)


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _specular(
    material: int,
    a: Floats,
    normal: Vector,
    view: Vector,
    facing: float,
    gloss: float,
    lit: float,
    lights: Floats,
) -> float:
    """Strength of the key light's highlight at attributes `a`; eyes mirror a window besides."""
    nx, ny, nz = normal
    ndl = _dot(nx, ny, nz, lights, KEY)
    hx, hy, hz = lights[KEY, 0] + view[0], lights[KEY, 1] + view[1], lights[KEY, 2] + view[2]
    length = 1.0 / np.sqrt(hx * hx + hy * hy + hz * hz)
    ndh = max(0.0, (nx * hx + ny * hy + nz * hz) * length)
    specular = 0.0
    if material in (HAIR, HAIR_CARD):
        tx, ty, tz = a[9], a[10], a[11]
        th = (tx * hx + ty * hy + tz * hz) * length / np.sqrt(tx * tx + ty * ty + tz * tz + 1e-9)
        sine = max(0.0, 1.0 - th * th)
        specular = (0.30 * sine**12 + 0.45 * gloss * sine**60) * (0.3 + 0.7 * max(0.0, ndl)) * lit
    elif material == EYE:
        window = (0.10 * nx + 0.18 * ny + 0.98 * nz) / 1.0014
        specular = 3.0 * smoothstep(0.977, 0.988, ndh) + 1.2 * smoothstep(0.992, 0.997, window)
        if lights.shape[0] >= LIGHTS:  # one real window or lamp, not a studio's two
            specular = 1.5 * smoothstep(0.977, 0.988, ndh) * lit
    elif material in (TEETH, TONGUE):
        specular = 0.25 * ndh**40 * lit
    else:
        fresnel = 0.04 + 0.4 * (1.0 - facing) ** 4
        specular = gloss * (0.16 * ndh**9 + 0.5 * ndh**40) * (0.5 + fresnel) * lit * max(0.0, ndl)
    return specular


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _light(
    material: int, a: Floats, eye: Floats, gloss: float, lit: float, lights: Floats, colour: Floats
) -> None:
    """Light the albedo in `colour` in place: wrapped key, fill, rim, hemisphere and highlights."""
    length = 1.0 / np.sqrt(a[3] * a[3] + a[4] * a[4] + a[5] * a[5] + 1e-12)
    nx, ny, nz = a[3] * length, a[4] * length, a[5] * length
    vx, vy, vz = eye[0] - a[0], eye[1] - a[1], eye[2] - a[2]
    length = 1.0 / np.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx * length, vy * length, vz * length
    facing = nx * vx + ny * vy + nz * vz
    if (
        facing < -0.25
    ):  # the back of a sheet; slightly negative is only the silhouette of a smooth surface
        nx, ny, nz, facing = -nx, -ny, -nz, -facing
    facing = max(facing, 0.0)
    ao = a[12]
    ndl = _dot(nx, ny, nz, lights, KEY)
    wrap = 0.35 if material == SKIN else (0.25 if material >= HAIR else 0.45)
    diffuse = max(0.0, (ndl + wrap) / (1.0 + wrap))
    diffuse *= lit if material != EYE else 0.35 + 0.65 * lit
    fill = max(0.0, (_dot(nx, ny, nz, lights, FILL) + 0.5) / 1.5)
    rim = max(0.0, _dot(nx, ny, nz, lights, RIM)) * (1.0 - facing) ** 2 * ao
    specular = _specular(material, a, (nx, ny, nz), (vx, vy, vz), facing, gloss, lit, lights)
    for c in range(3):
        soft = diffuse
        if material == SKIN:  # light scattered under the skin reddens the edge of the shadow
            soft = np.sqrt(diffuse * np.sqrt(diffuse)) if c == 0 else diffuse
        ambient = _ambient(lights, nx, ny, nz, c) * ao
        light = (
            lights[KEY_COLOUR, c] * soft * (0.5 + 0.5 * ao)
            + lights[FILL_COLOUR, c] * fill * ao
            + ambient
        )
        base = colour[c] * light
        tint = colour[c] * 2.0 if material in (HAIR, HAIR_CARD) else 1.0
        colour[c] = (
            base
            + specular * lights[KEY_COLOUR, c] * tint * ao
            + lights[RIM_COLOUR, c] * rim * (0.3 + colour[c])
        )


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _shade(
    material: int,
    a: Floats,
    u: float,
    v: float,
    eye: Floats,
    skin: Floats,
    body: Floats,
    iris: Floats,
    cards: Floats,
    paint: Floats,
    lights: Floats,
    shadow: Floats,
    shadow_rows: Floats,
    colour: Floats,
) -> None:
    gloss = albedo(material, a, u, v, skin, body, iris, cards, paint, colour)
    lit = _lit(shadow, shadow_rows, a[0] + 0.02 * a[3], a[1] + 0.02 * a[4], a[2] + 0.02 * a[5])
    _light(material, a, eye, gloss, lit, lights, colour)


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _average(
    ids: I32,
    screen: Floats,
    triangles: I32,
    materials: NDArray[np.int8],
    uv: Floats,
    attributes: Floats,
    x: int,
    y: int,
    s: int,
    mean: Floats,
) -> tuple[int, float, float]:
    """Average what the samples of a pixel from `s` on show of the material at `s`, two triangles at most.

    Writes their attributes into `mean`; returns a bit for every sample of that material, and the UV.
    """
    material = materials[ids[2 * y + (s >> 1), 2 * x + (s & 1)]]
    taken = used = 0
    mean[:] = 0.0
    u = v = 0.0
    last = -1
    for t in range(s, 4):
        g = ids[2 * y + (t >> 1), 2 * x + (t & 1)]
        if g < 0 or materials[g] != material:
            continue
        taken |= 1 << t
        if g == last or used == 2:
            continue
        last = g
        wa, wb, wc = barycentric(
            screen, triangles, g, 2 * x + (t & 1) + 0.5, 2 * y + (t >> 1) + 0.5
        )
        i, j, k = triangles[g, 0], triangles[g, 1], triangles[g, 2]
        for c in range(ATTRIBUTES):
            mean[c] += wa * attributes[i, c] + wb * attributes[j, c] + wc * attributes[k, c]
        if used == 0:  # never averaged: two triangles may lie in different charts
            u = wa * uv[g, 0, 0] + wb * uv[g, 1, 0] + wc * uv[g, 2, 0]
            v = wa * uv[g, 0, 1] + wb * uv[g, 1, 1] + wc * uv[g, 2, 1]
        used += 1
    scale = 1.0 / used
    for c in range(ATTRIBUTES):
        mean[c] *= scale
    return taken, u, v


@numba.njit(cache=True, fastmath=True, nogil=True)
def shade_picture(
    ids: I32,
    screen: Floats,
    triangles: I32,
    materials: NDArray[np.int8],
    uv: Floats,
    attributes: Floats,
    eye: Floats,
    skin: Floats,
    body: Floats,
    iris: Floats,
    cards: Floats,
    paint: Floats,
    lights: Floats,
    shadow: Floats,
    shadow_rows: Floats,
    picture: Floats,
) -> None:
    """Shade the samples of `ids` [2H, 2W] over `picture` [H, W, 3], which holds the background.

    Textures: skin [h, w, 4] of the head (RGB and gloss), body and iris [h, w, 3], cards [h, w, 4] (RGB and
    alpha); any of the last three may be a single texel, for what is then computed.
    """
    height, width = picture.shape[0], picture.shape[1]
    mean = np.empty(ATTRIBUTES, np.float32)
    colour = np.empty(3, np.float32)
    total = np.empty(3, np.float32)
    for y in range(height):
        for x in range(width):
            covered = done = 0  # done: a bit for each sample already accounted for
            total[:] = 0.0
            for s in range(4):
                f = ids[2 * y + (s >> 1), 2 * x + (s & 1)]
                if f < 0 or (done >> s) & 1:
                    continue
                material = materials[f]
                taken, u, v = _average(
                    ids, screen, triangles, materials, uv, attributes, x, y, s, mean
                )
                done |= taken
                same = (taken & 1) + (taken >> 1 & 1) + (taken >> 2 & 1) + (taken >> 3 & 1)
                _shade(
                    material, mean, u, v, eye, skin, body, iris, cards, paint, lights, shadow, shadow_rows, colour
                )  # fmt: skip
                covered += same
                for c in range(3):
                    total[c] += colour[c] * same
            if covered:
                for c in range(3):
                    picture[y, x, c] = picture[y, x, c] * (1 - covered * 0.25) + total[c] * 0.25
