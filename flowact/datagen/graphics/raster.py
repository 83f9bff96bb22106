"""A software rasteriser for triangle meshes, compiled by numba.

Visibility is resolved first (nearest triangle per sample, `rasterize`) and shading happens afterwards on
what is visible (`flowact.datagen.graphics.shading`), so that an expensive material costs nothing where it is
hidden. Screen coordinates are samples: a picture of `size` pixels with 2x2 supersampling uses a grid of
`2 * size` samples.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.graphics.texture import texture

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]


CARD_LIFT = 1.001
"""Cards stand this much nearer than they are, some hundredth of a decimetre, so that skin does not cut them."""


@numba.njit(cache=True, fastmath=True, nogil=True)
def rasterize(
    screen: Floats, triangles: I32, two_sided: NDArray[np.bool_], ids: I32, near: Floats
) -> None:
    """Find the nearest triangle of every sample.

    screen [V, 3]: x, y in samples (y down) and inverse depth (larger is nearer, 0 is infinitely far).
    triangles [F, 3]; two_sided [F]: back faces of the others are skipped (front faces run anticlockwise
    in a y-up view). ids [H, W] receives triangle numbers and keeps -1 elsewhere; near [H, W] is the
    inverse-depth buffer. Both are updated in place, so several meshes may share them.
    """
    height, width = ids.shape
    for f in range(triangles.shape[0]):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bz = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cz = screen[c, 0], screen[c, 1], screen[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9 or (area > 0 and not two_sided[f]):
            continue
        if az <= 0 or bz <= 0 or cz <= 0:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        y0 = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        inverse = 1.0 / area
        slope_b = (cy - ay) * inverse
        slope_c = -(by - ay) * inverse
        for y in range(y0, y1 + 1):
            py = y + 0.5 - ay
            px = x0 + 0.5 - ax
            wb = ((cy - ay) * px - (cx - ax) * py) * inverse
            wc = ((bx - ax) * py - (by - ay) * px) * inverse
            for x in range(x0, x1 + 1):
                wa = 1.0 - wb - wc
                if wa >= 0 and wb >= 0 and wc >= 0:
                    z = wa * az + wb * bz + wc * cz
                    if z > near[y, x]:
                        near[y, x] = z
                        ids[y, x] = f
                wb += slope_b
                wc += slope_c


@numba.njit(cache=True, fastmath=True, nogil=True)
def rasterize_cards(
    screen: Floats, triangles: I32, uv: Floats, first: int, cards: Floats, ids: I32, near: Floats
) -> None:
    """Add triangles `first` and up, which exist where their texture is opaque, to what `rasterize` found.

    uv [F, 3, 2] into cards [h, w, 4] (RGB and alpha). Each of the 2x2 samples of a pixel asks for another
    alpha, in an order that changes with the triangle: thin hair covers a share of the pixel.
    """
    height, width = ids.shape
    for f in range(first, triangles.shape[0]):
        a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
        if screen[a, 2] <= 0 or screen[b, 2] <= 0 or screen[c, 2] <= 0:
            continue
        ax, ay = screen[a, 0], screen[a, 1]
        bx, by = screen[b, 0] - ax, screen[b, 1] - ay
        cx, cy = screen[c, 0] - ax, screen[c, 1] - ay
        if abs(bx * cy - by * cx) < 1e-9:
            continue
        x0 = max(0, int(np.ceil(ax + min(0.0, bx, cx) - 0.5)))
        x1 = min(width - 1, int(np.floor(ax + max(0.0, bx, cx) - 0.5)))
        y0 = max(0, int(np.ceil(ay + min(0.0, by, cy) - 0.5)))
        y1 = min(height - 1, int(np.floor(ay + max(0.0, by, cy) - 0.5)))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wa, wb, wc = barycentric(screen, triangles, f, x + 0.5, y + 0.5)
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                z = 1.0 / (wa / screen[a, 2] + wb / screen[b, 2] + wc / screen[c, 2])
                z *= CARD_LIFT
                if z <= near[y, x]:
                    continue
                u = wa * uv[f, 0, 0] + wb * uv[f, 1, 0] + wc * uv[f, 2, 0]
                v = wa * uv[f, 0, 1] + wb * uv[f, 1, 1] + wc * uv[f, 2, 1]
                rank = ((x & 1) + 2 * (y & 1) + f) & 3
                if texture(cards, u, v, 3) > 0.25 * rank + 0.125:
                    near[y, x] = z
                    ids[y, x] = f


@numba.njit(cache=True, fastmath=True, nogil=True)
def barycentric(
    screen: Floats, triangles: I32, f: int, x: float, y: float
) -> tuple[float, float, float]:
    """Perspective-correct weights of triangle `f` at sample position (x, y)."""
    a, b, c = triangles[f, 0], triangles[f, 1], triangles[f, 2]
    ax, ay = screen[a, 0], screen[a, 1]
    bx, by = screen[b, 0] - ax, screen[b, 1] - ay
    cx, cy = screen[c, 0] - ax, screen[c, 1] - ay
    px, py = x - ax, y - ay
    inverse = 1.0 / (bx * cy - by * cx)
    wb = (cy * px - cx * py) * inverse
    wc = (bx * py - by * px) * inverse
    wa = (1.0 - wb - wc) * screen[a, 2]
    wb *= screen[b, 2]
    wc *= screen[c, 2]
    total = 1.0 / (wa + wb + wc)
    return wa * total, wb * total, wc * total


@numba.njit(cache=True, fastmath=True, nogil=True)
def correspondence(
    ids: I32,
    screen: Floats,
    triangles: I32,
    reference_screen: Floats,
    reference_near: Floats,
    grid: Floats,
    flow: Floats,
    visible: NDArray[np.uint8],
) -> None:
    """Where the surface points seen at `grid` stand in the reference picture.

    grid [N, 2]: sample positions (x, y) of the picture described by ids and screen. flow [N, 2] receives
    the same points' positions in the reference in `grid_sample` coordinates, [-1, 1] over the picture;
    visible [N] receives 255 where the reference shows that very point and 0 where something hides it.
    Background points stand where they are.
    """
    height, width = reference_near.shape
    for n in range(grid.shape[0]):
        x, y = grid[n, 0], grid[n, 1]
        f = ids[int(y), int(x)]
        rx, ry, rz = x, y, 0.0
        if f >= 0:
            weights = barycentric(screen, triangles, f, x, y)
            rx, ry = 0.0, 0.0
            for k in range(3):
                corner = reference_screen[triangles[f, k]]
                rx += weights[k] * corner[0]
                ry += weights[k] * corner[1]
                rz += weights[k] * corner[2]
        flow[n, 0] = 2.0 * rx / width - 1.0
        flow[n, 1] = 2.0 * ry / height - 1.0
        column, row = int(rx), int(ry)
        inside = 0 <= column < width and 0 <= row < height
        visible[n] = 255 if inside and _is_front(reference_near, row, column, rz) else 0


@numba.njit(cache=True, fastmath=True, nogil=True)
def _is_front(near: Floats, row: int, column: int, depth: float) -> bool:
    """Whether nothing stands clearly in front of `depth` around a sample (slanted surfaces need slack)."""
    if depth == 0.0:
        return bool(near[row, column] == 0.0)
    height, width = near.shape
    farthest = np.inf
    for y in range(max(0, row - 1), min(height, row + 2)):
        for x in range(max(0, column - 1), min(width, column + 2)):
            farthest = min(farthest, near[y, x])
    return bool(depth >= farthest * 0.998)
