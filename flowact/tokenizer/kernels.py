"""Loops over activations and pixels that PyTorch would make in many passes through memory, compiled by numba.

Only processors run them. Numbers within a loop stay float32, and what is read and what is written are
loops of their own: that is what the compiler turns into vector instructions.
"""

from typing import Any, Final

import numba
import numpy as np
from numpy.typing import NDArray

from flowact.timebase import FRAME_SIZE

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_BLOCK: Final = 1024
_SIDE: Final = FRAME_SIZE
_FLOW_SCALE: Final = 8
_PAINT_SCALE: Final = 4
"""Pixels per cell of flow and of paint; constants make the loops over them fast."""
_NONE: Final = np.float32(0)
_HALF: Final = np.float32(0.5)
_MIDDLE: Final = np.float32(127.5)
_FULL: Final = np.float32(255)
_compiled: Any = numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")


@_compiled
def float32_to_bytes(
    numbers: Floats, slope: np.float32, factor: np.float32, zero: np.float32, levels: Bytes
) -> None:
    """Write `max(x, slope * x) * factor + zero`, rounded and limited to 0..255, for every number."""
    for n in range(numbers.size):
        level = max(numbers[n], numbers[n] * slope) * factor + (zero + _HALF)
        levels[n] = np.uint8(np.int32(min(max(level, _NONE), _FULL)))


@_compiled
def bfloat16_to_bytes(
    bits: NDArray[np.uint16],
    slope: np.float32,
    factor: np.float32,
    zero: np.float32,
    levels: Bytes,
) -> None:
    """Like `float32_to_bytes`, for numbers in bfloat16 given by their bits."""
    wide = np.empty(_BLOCK, np.uint32)
    numbers, rounded = wide.view(np.float32), np.empty(_BLOCK, np.int32)
    for start in range(0, bits.size, _BLOCK):
        count = min(_BLOCK, bits.size - start)
        source, target = bits[start : start + count], levels[start : start + count]
        for n in range(count):
            wide[n] = np.uint32(source[n]) << np.uint32(16)
        for n in range(count):
            level = max(numbers[n], numbers[n] * slope) * factor + (zero + _HALF)
            rounded[n] = np.int32(min(max(level, _NONE), _FULL))
        for n in range(count):
            target[n] = rounded[n]


@_compiled
def draw(flow: Floats, overlay: Floats, picture: Floats, levels: Bytes) -> None:
    """Move a picture, cover it, and round it to levels: `mask * warp + paint`.

    Args:
        flow: `[2, 60, 60]`, as shares of half the picture's side.
        overlay: `[4, 120, 120]`, the mask and three colours of paint.
        picture: `[3, 480 * 480]` in -1..1.
        levels: `[3, 480, 480]`, written.
    """
    place, mixed = np.empty(_SIDE, np.int32), np.empty((3, _SIDE), np.float32)
    right, down = np.empty(_SIDE, np.float32), np.empty(_SIDE, np.float32)
    moved, cover = np.empty((2, _SIDE), np.float32), np.empty((4, _SIDE), np.float32)
    reach, last = np.float32(_SIDE / 2), np.float32(_SIDE - 1.001)
    for y in range(_SIDE):
        _enlarged_row(flow, y, _FLOW_SCALE, moved)
        _enlarged_row(overlay, y, _PAINT_SCALE, cover)
        for x in range(_SIDE):
            across = min(max(np.float32(x) + moved[0, x] * reach, _NONE), last)
            along = min(max(np.float32(y) + moved[1, x] * reach, _NONE), last)
            column, row = np.int32(across), np.int32(along)
            place[x], right[x], down[x] = row * _SIDE + column, across - column, along - row
        for x in range(_SIDE):
            here = np.uint64(place[x])
            below = here + np.uint64(_SIDE)
            for c in range(3):
                a, b = picture[c, here], picture[c, here + np.uint64(1)]
                d, e = picture[c, below], picture[c, below + np.uint64(1)]
                top, bottom = a + (b - a) * right[x], d + (e - d) * right[x]
                mixed[c, x] = top + (bottom - top) * down[x]
        for c in range(3):
            for x in range(_SIDE):
                level = (mixed[c, x] * cover[0, x] + cover[c + 1, x]) * _MIDDLE
                level = min(max(level + (_MIDDLE + _HALF), _NONE), _FULL)
                levels[c, y, x] = np.uint8(np.int32(level))


@_compiled
def _enlarged_row(maps: Floats, y: int, factor: int, wide: Floats) -> None:
    """Row `y` of maps `[k, n, n]` that are bilinearly enlarged by a factor, into `[k, n * factor]`."""
    cells, half = maps.shape[1], factor // 2
    at = min(
        max((np.float32(y) + _HALF) / np.float32(factor) - _HALF, _NONE), np.float32(cells - 1)
    )
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
                wide[k, half + cell * factor + x] = row[cell] + slope * (np.float32(x) + _HALF)


@_compiled
def paste(detail: Floats, weight: Floats, left: int, top: int, levels: Bytes) -> None:
    """Blend a part in -1..1, `[3, n, n]`, by its weight `[n, n]` into levels `[3, side, side]`, rounded."""
    size = weight.shape[0]
    mixed = np.empty(size, np.int32)
    for c in range(3):
        for y in range(size):
            row = levels[c, top + y, left : left + size]
            for x in range(size):
                level = detail[c, y, x] * _MIDDLE + _MIDDLE
                level = min(max(level, _NONE), _FULL)
                here = np.float32(row[x])
                mixed[x] = np.int32(here + (level - here) * weight[y, x] + _HALF)
            for x in range(size):
                row[x] = mixed[x]
