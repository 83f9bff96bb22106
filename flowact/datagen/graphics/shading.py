"""Deferred shading: colour of what `rasterize` found visible.

A pixel has four samples. Samples of the same material are shaded once from averaged attributes and
weighted by their coverage, which gives the edges of supersampling for little more than the price of one
sample per pixel. Colours are linear light; `flowact.datagen.render` applies the tone curve.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.graphics.raster import barycentric
from flowact.datagen.graphics.texture import smoothstep, texture, value_noise

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]
Vector = tuple[float, float, float]

SKIN, EYE, TEETH, TONGUE, LASHES, HAIR, CLOTH = range(7)

# Columns of the attribute matrix.
POSITION, NORMAL, REST, TANGENT, AO, STRAND = 0, 3, 6, 9, 12, 13
ATTRIBUTES = 15


# Rows of the lights matrix [8, 3]: directions towards the lights and linear RGB radiances.
KEY, KEY_COLOUR, FILL, FILL_COLOUR, RIM, RIM_COLOUR, SKY, GROUND = range(8)

# Rows of the paint matrix [15, 3]. EYES takes two rows (centres left, right); SIZES holds eye radius, front of the
# teeth (template z) and pattern number; GARMENT pattern scale, top and depth of a jacket's opening;
# WINDOW the UV corners (u0, v0, v1) of the head's texture, which reaches to u = 1.
IRIS_INNER, IRIS_OUTER, HAIR_ROOT, HAIR_TIP, CLOTH_MAIN, CLOTH_SECOND, CLOTH_TRIM, CLOTH_INNER = (
    range(8)
)
LASH, TONE, EYES, SIZES, GARMENT, WINDOW = 8, 9, 10, 12, 13, 14
PAINT_ROWS = 15


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
def _skin_albedo(
    skin: Floats, paint: Floats, u: float, v: float, rest: Floats, out: Floats
) -> float:
    """The painted head; plain mottled skin elsewhere. Returns the gloss."""
    u0, v0, v1 = paint[WINDOW, 0], paint[WINDOW, 1], paint[WINDOW, 2]
    if u > u0 and v > v0 and v < v1:
        x = (u - u0) / (1.0 - u0)
        y = (v - v0) / (v1 - v0)
        for c in range(3):
            out[c] = texture(skin, x, y, c)
        return texture(skin, x, y, 3)
    mottle = 0.95 + 0.10 * value_noise(rest[0] * 9.0, rest[1] * 9.0, rest[2] * 9.0)
    for c in range(3):
        out[c] = paint[TONE, c] * mottle
    return 0.3


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _eye_albedo(paint: Floats, rest: Floats, out: Floats) -> float:
    """Sclera, limbal ring, streaked iris and pupil by angle from the eye's axis; returns the gloss."""
    side = 0 if rest[0] > 0 else 1
    dx = (rest[0] - paint[EYES + side, 0]) / paint[SIZES, 0]
    dy = (rest[1] - paint[EYES + side, 1]) / paint[SIZES, 0]
    front = rest[2] - paint[EYES + side, 2]
    radius = np.sqrt(dx * dx + dy * dy) if front > 0 else 2.0
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
    if material == HAIR:
        tx, ty, tz = a[9], a[10], a[11]
        th = (tx * hx + ty * hy + tz * hz) * length / np.sqrt(tx * tx + ty * ty + tz * tz + 1e-9)
        sine = max(0.0, 1.0 - th * th)
        specular = (0.30 * sine**12 + 0.45 * gloss * sine**60) * (0.3 + 0.7 * max(0.0, ndl)) * lit
    elif material == EYE:
        window = (0.10 * nx + 0.18 * ny + 0.98 * nz) / 1.0014
        specular = 3.0 * smoothstep(0.977, 0.988, ndh) + 1.2 * smoothstep(0.992, 0.997, window)
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
    up = 0.5 + 0.5 * ny
    rim = max(0.0, _dot(nx, ny, nz, lights, RIM)) * (1.0 - facing) ** 2 * ao
    specular = _specular(material, a, (nx, ny, nz), (vx, vy, vz), facing, gloss, lit, lights)
    for c in range(3):
        soft = diffuse
        if material == SKIN:  # light scattered under the skin reddens the edge of the shadow
            soft = np.sqrt(diffuse * np.sqrt(diffuse)) if c == 0 else diffuse
        ambient = (lights[SKY, c] * up + lights[GROUND, c] * (1.0 - up)) * ao
        light = (
            lights[KEY_COLOUR, c] * soft * (0.5 + 0.5 * ao)
            + lights[FILL_COLOUR, c] * fill * ao
            + ambient
        )
        base = colour[c] * light
        tint = colour[c] * 2.0 if material == HAIR else 1.0
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
    paint: Floats,
    lights: Floats,
    shadow: Floats,
    shadow_rows: Floats,
    colour: Floats,
) -> None:
    gloss = 0.2
    rest = a[REST : REST + 3]
    if material == SKIN:
        gloss = _skin_albedo(skin, paint, u, v, rest, colour)
    elif material == EYE:
        gloss = _eye_albedo(paint, rest, colour)
    elif material == TEETH:
        depth = smoothstep(paint[SIZES, 1] - 0.32, paint[SIZES, 1] - 0.02, rest[2])
        for c in range(3):
            colour[c] = (0.86, 0.82, 0.74)[c] * (0.10 + 0.90 * depth)
    elif material == TONGUE:
        depth = smoothstep(paint[SIZES, 1] - 0.45, paint[SIZES, 1] - 0.1, rest[2])
        for c in range(3):
            colour[c] = (0.55, 0.17, 0.17)[c] * (0.15 + 0.85 * depth)
    elif material == LASHES:
        for c in range(3):
            colour[c] = paint[LASH, c]
    elif material == HAIR:
        gloss = _hair_albedo(paint, a[STRAND], a[STRAND + 1], colour)
    else:
        gloss = _cloth_albedo(paint, rest, a[STRAND], colour)
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
    paint: Floats,
    lights: Floats,
    shadow: Floats,
    shadow_rows: Floats,
    picture: Floats,
) -> None:
    """Shade the samples of `ids` [2H, 2W] over `picture` [H, W, 3], which holds the background."""
    height, width = picture.shape[0], picture.shape[1]
    mean = np.empty(ATTRIBUTES, np.float32)
    colour = np.empty(3, np.float32)
    total = np.empty(3, np.float32)
    for y in range(height):
        for x in range(width):
            covered = 0
            total[:] = 0.0
            done = 0  # a bit for each sample already accounted for
            for s in range(4):
                f = ids[2 * y + (s >> 1), 2 * x + (s & 1)]
                if f < 0 or (done >> s) & 1:
                    continue
                material = materials[f]
                taken, u, v = _average(
                    ids, screen, triangles, materials, uv, attributes, x, y, s, mean
                )
                done |= taken
                same = 0
                for t in range(s, 4):
                    same += (taken >> t) & 1
                _shade(material, mean, u, v, eye, skin, paint, lights, shadow, shadow_rows, colour)
                covered += same
                for c in range(3):
                    total[c] += colour[c] * same
            if covered:
                for c in range(3):
                    picture[y, x, c] = picture[y, x, c] * (1 - covered * 0.25) + total[c] * 0.25
