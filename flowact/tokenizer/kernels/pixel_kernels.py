"""Compiled loops over pixels: moving a picture, covering it with paint, rounding it to levels.

As those of `flowact.tokenizer.kernels.map_kernels`, they spare passes through memory.
"""

from typing import Final

import numpy as np

from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.kernels.map_kernels import (
    FULL,
    HALF,
    NONE,
    Bytes,
    Floats,
    Integers,
    compiled,
)

_SIDE: Final = FRAME_SIZE
_FLOW_SCALE: Final = 8
_PAINT_SCALE: Final = 4
"""Pixels per cell of flow and of paint."""
_MIDDLE: Final = np.float32(127.5)


@compiled
def composite(flow: Floats, overlay: Floats, picture: Floats, levels: Bytes) -> None:
    """Move a picture, cover it, and round it to levels: `mask * warp + paint`.

    Args:
        flow: `[2, 60, 60]`, as shares of half the picture's side.
        overlay: `[4, 120, 120]`, the mask and three colours of paint.
        picture: `[3, 480 * 480]` in -1..1.
        levels: `[3, 480, 480]`, written.
    """
    place, mixed = np.empty(_SIDE, np.int32), np.empty((3, _SIDE), np.float32)
    shares, moved = np.empty((2, _SIDE), np.float32), np.empty((2, _SIDE), np.float32)
    cover = np.empty((4, _SIDE), np.float32)
    for y in range(_SIDE):
        enlarged_row(flow, y, _FLOW_SCALE, moved)
        enlarged_row(overlay, y, _PAINT_SCALE, cover)
        _find(moved, NONE, np.float32(y), np.float32(1), place, shares)
        _sample(picture, place, shares, mixed)
        for c in range(3):
            for x in range(_SIDE):
                level = (mixed[c, x] * cover[0, x] + cover[c + 1, x]) * _MIDDLE
                level = min(max(level + (_MIDDLE + HALF), NONE), FULL)
                levels[c, y, x] = np.uint8(np.int32(level))


@compiled
def warp(flow: Floats, picture: Floats, left: int, top: int, stride: int, moved: Floats) -> None:
    """Move a view of a picture.

    Args:
        flow: `[2, 60, 60]` over the view, as shares of half the picture's side.
        picture: `[3, 480 * 480]`.
        left: first column of the view in the picture.
        top: first row.
        stride: pixels of the picture per pixel of the result.
        moved: `[3, n, n]`, written.
    """
    size = moved.shape[1]
    place, shares = np.empty(size, np.int32), np.empty((2, size), np.float32)
    by, mixed = np.empty((2, size), np.float32), np.empty((3, size), np.float32)
    step = np.float32(stride)
    middle = (step - np.float32(1)) * HALF
    for y in range(size):
        enlarged_row(flow, y, size // flow.shape[1], by)
        row = np.float32(top) + np.float32(y) * step + middle
        _find(by, np.float32(left) + middle, row, step, place, shares)
        _sample(picture, place, shares, mixed)
        for c in range(3):
            for x in range(size):
                moved[c, y, x] = mixed[c, x]


@compiled
def _find(
    by: Floats, left: np.float32, row: np.float32, step: np.float32, place: Integers, shares: Floats
) -> None:
    """Where a row's pixels come from: index of the upper left one of four, shares of the right and lower.

    Beyond the picture it is mirrored: its last pixels, repeated, would be stripes.
    """
    reach, last, rim = np.float32(_SIDE / 2), np.float32(_SIDE - 1.001), np.float32(_SIDE - 0.5)
    for x in range(place.size):
        across = abs(left + np.float32(x) * step + by[0, x] * reach + HALF) - HALF
        along = abs(row + by[1, x] * reach + HALF) - HALF
        across = min(max(rim - abs(rim - across), NONE), last)
        along = min(max(rim - abs(rim - along), NONE), last)
        column, line = np.int32(across), np.int32(along)
        # A flow that is not a number passes the comparisons above, which assume that there is none.
        place[x] = min(max(int(line * _SIDE + column), 0), _SIDE * (_SIDE - 1) - 2)
        shares[0, x], shares[1, x] = across - column, along - line


@compiled
def _sample(picture: Floats, place: Integers, shares: Floats, mixed: Floats) -> None:
    """Colours `[3, n]` of a picture `[3, 480 * 480]` at what `_find` found."""
    red, green, blue = picture[0], picture[1], picture[2]
    for x in range(place.size):
        here, right, lower = np.uint64(place[x]), shares[0, x], shares[1, x]
        mixed[0, x] = _between(red, here, right, lower)
        mixed[1, x] = _between(green, here, right, lower)
        mixed[2, x] = _between(blue, here, right, lower)


@compiled
def _between(plane: Floats, here: int, right: np.float32, lower: np.float32) -> np.float32:
    """A colour `[480 * 480]` between the pixel at an index and its neighbours."""
    below = here + np.uint64(_SIDE)
    a, b = plane[here], plane[here + np.uint64(1)]
    d, e = plane[below], plane[below + np.uint64(1)]
    high, low = a + (b - a) * right, d + (e - d) * right
    return high + (low - high) * lower


@compiled
def enlarged_row(maps: Floats, y: int, factor: int, wide: Floats) -> None:
    """Row `y` of maps `[k, n, n]` that are bilinearly enlarged by a factor, into `[k, n * factor]`."""
    if factor == 2:  # constants make the loops over a cell's pixels fast
        _enlarged_row(maps, y, 2, wide)
    elif factor == 4:
        _enlarged_row(maps, y, 4, wide)
    elif factor == 8:
        _enlarged_row(maps, y, 8, wide)
    else:
        _enlarged_row(maps, y, factor, wide)


@compiled
def _enlarged_row(maps: Floats, y: int, factor: int, wide: Floats) -> None:
    cells, half = maps.shape[1], factor // 2
    at = min(max((np.float32(y) + HALF) / np.float32(factor) - HALF, NONE), np.float32(cells - 1))
    above = int(at)
    below, share = min(above + 1, cells - 1), at - np.float32(above)
    row = np.empty(cells, np.float32)
    for k in range(maps.shape[0]):
        for x in range(cells):
            row[x] = maps[k, above, x] + (maps[k, below, x] - maps[k, above, x]) * share
        for x in range(half):
            wide[k, x], wide[k, cells * factor - 1 - x] = row[0], row[cells - 1]
        for cell in range(cells - 1):
            slope = (row[cell + 1] - row[cell]) / np.float32(factor)
            for x in range(factor):
                wide[k, half + cell * factor + x] = row[cell] + slope * (np.float32(x) + HALF)


@compiled
def pool(maps: Floats, pooled: Floats) -> None:
    """Write the means `[n, k, p / s, p / s]` of every `s` times `s` pixels of maps `[n, k, p, p]`."""
    scale, cells = maps.shape[2] // pooled.shape[2], pooled.shape[2]
    share, rows = np.float32(1) / np.float32(scale * scale), np.empty(maps.shape[2], np.float32)
    for n in range(maps.shape[0]):
        for k in range(maps.shape[1]):
            for cell in range(cells):
                rows[:] = NONE
                for i in range(scale):
                    row = maps[n, k, cell * scale + i]
                    for x in range(rows.size):
                        rows[x] += row[x]
                for x in range(cells):
                    total = NONE
                    for j in range(scale):
                        total += rows[x * scale + j]
                    pooled[n, k, cell, x] = total * share


@compiled
def shade(paint: Floats, kept: Floats, shades: Floats, shaded: Floats) -> None:
    """Write `paint * kept + shades`, the latter two bilinearly enlarged.

    Args:
        paint: `[n, 3, p, p]`.
        kept: `[n, 1, p / s, p / s]`.
        shades: `[n, 3, p / s, p / s]`.
        shaded: `[n, 3, p, p]`, written.
    """
    size = paint.shape[2]
    scale = size // kept.shape[2]
    share, colours = np.empty((1, size), np.float32), np.empty((3, size), np.float32)
    for n in range(paint.shape[0]):
        for y in range(size):
            enlarged_row(kept[n], y, scale, share)
            enlarged_row(shades[n], y, scale, colours)
            for c in range(3):
                row, colour, target = paint[n, c, y], colours[c], shaded[n, c, y]
                for x in range(size):
                    target[x] = row[x] * share[0, x] + colour[x]


@compiled
def interleave(planes: Bytes, pixels: Bytes) -> None:
    """Write planes `[3, h, w]` as pixels `[h, w, 3]`."""
    for y in range(planes.shape[1]):
        for x in range(planes.shape[2]):
            for c in range(3):
                pixels[y, x, c] = planes[c, y, x]


@compiled
def paste(
    warp: Floats, mask: Floats, paint: Floats, weight: Floats, left: int, top: int, levels: Bytes
) -> None:
    """Blend a finished view, `mask * warp + paint`, into levels `[3, side, side]`, rounded.

    Args:
        warp: `[3, n, n]` in -1..1.
        mask: `[1, n, n]`.
        paint: `[3, n, n]`.
        weight: of the view, `[n, n]`.
        left: first column that it covers.
        top: first row.
        levels: changed.
    """
    size = weight.shape[0]
    mixed = np.empty(size, np.int32)
    for c in range(3):
        for y in range(size):
            row = levels[c, top + y, left : left + size]
            moved, kept, added, share = warp[c, y], mask[0, y], paint[c, y], weight[y]
            for x in range(size):
                level = (kept[x] * moved[x] + added[x]) * _MIDDLE + _MIDDLE
                level = min(max(level, NONE), FULL)
                here = np.float32(row[x])
                mixed[x] = np.int32(here + (level - here) * share[x] + HALF)
            for x in range(size):
                row[x] = mixed[x]
