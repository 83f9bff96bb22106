"""Compiled loops over feature maps that PyTorch would make in many passes through memory.

Only processors run them. Numbers within a loop are float32, and what is read and what is written are
loops of their own: that is what the compiler turns into vector instructions.
"""

from typing import Any, Final

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Integers = NDArray[np.int32]
Bits = NDArray[np.uint16]

_BLOCK: Final = 1024
NONE: Final = np.float32(0)
HALF: Final = np.float32(0.5)
ONE: Final = np.float32(1)
FULL: Final = np.float32(255)
_MANTISSA: Final = np.uint32(16)
"""Bits that bfloat16 lacks."""
compiled: Any = numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")


def usable(x: Tensor) -> bool:
    """Whether compiled loops can take PyTorch's place: on a processor, when nobody asks for a gradient."""
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def rows_of(x: Tensor) -> Any:
    """Maps `[n, channels, h, w]` as an array `[n, h, w, channels]`: of their bits if they are bfloat16."""
    rows = x.detach().permute(0, 2, 3, 1).contiguous()
    return (rows.view(torch.uint16) if x.dtype == torch.bfloat16 else rows).numpy()


@compiled
def float32_to_bytes(
    numbers: Floats, slope: np.float32, factor: np.float32, zero: np.float32, levels: Bytes
) -> None:
    """Write `max(x, slope * x) * factor + zero`, rounded and limited to 0..255, for every number."""
    for n in range(numbers.size):
        level = max(numbers[n], numbers[n] * slope) * factor + (zero + HALF)
        levels[n] = np.uint8(np.int32(min(max(level, NONE), FULL)))


@compiled
def bfloat16_to_bytes(
    bits: Bits,
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
            wide[n] = np.uint32(source[n]) << _MANTISSA
        for n in range(count):
            level = max(numbers[n], numbers[n] * slope) * factor + (zero + HALF)
            rounded[n] = np.int32(min(max(level, NONE), FULL))
        for n in range(count):
            target[n] = rounded[n]


@compiled
def _widened(bits: Bits, wide: Any) -> None:
    """Write bfloat16 numbers, given by their bits, as the bits of float32."""
    for k in range(wide.size):
        wide[k] = np.uint32(bits[k]) << _MANTISSA


@compiled
def _narrowed(wide: Any, bits: Bits) -> None:
    """Write float32 numbers, given by their bits, as those of bfloat16, rounded to the nearest."""
    for k in range(wide.size):
        even = (wide[k] >> _MANTISSA) & np.uint32(1)
        bits[k] = np.uint16((wide[k] + np.uint32(0x7FFF) + even) >> _MANTISSA)


@compiled
def _repeated(source: Floats, target: Floats) -> None:
    """Write vectors `[n, channels]` `target.size / source.size` times each, one after the other."""
    cells, channels = source.shape
    times = target.size // source.size
    for x in range(cells):
        for i in range(times):
            at = (x * times + i) * channels
            for c in range(channels):
                target[at + c] = source[x, c]


@compiled
def _joined(number: Floats, base: Floats, factor: Floats, slope: np.float32) -> None:
    """Overwrite numbers by `max(x, slope * x)` of `number * factor + base`."""
    for k in range(number.size):
        level = number[k] * factor[k] + base[k]
        number[k] = max(level, level * slope)


@compiled
def _base(coarse: Floats, factor: Floats, shift: Floats, base: Floats) -> None:
    """Write what a row of coarse cells `[w, channels]` adds to two rows of fine ones."""
    _repeated(coarse, base)
    for k in range(base.size):
        base[k] = base[k] * factor[k] + shift[k]


@compiled
def join_bfloat16(
    coarse: Bits, fine: Bits, factor: Floats, shift: Floats, slope: np.float32, joined: Bits
) -> None:
    """Enlarge maps by repeating cells, add others, modulate, rectify.

    Args:
        coarse: `[n, h, w, channels]`, bits of bfloat16.
        fine: `[n, 2 * h, 2 * w, channels]`.
        factor: `[n, channels]`.
        shift: the same.
        slope: of the rectifier's negative side.
        joined: `max(x, slope * x)` of `(coarse + fine) * factor + shift`, like `fine`, written.
    """
    maps, height, width, channels = coarse.shape
    count = 2 * width * channels
    wide, own = np.empty(count // 2, np.uint32), np.empty(count, np.uint32)
    factors, shifts = np.empty(count, np.float32), np.empty(count, np.float32)
    base = np.empty(count, np.float32)
    for n in range(maps):
        _repeated(factor[n : n + 1], factors)
        _repeated(shift[n : n + 1], shifts)
        for y in range(2 * height):
            if y % 2 == 0:
                _widened(coarse[n, y // 2].reshape(count // 2), wide)
                _base(wide.view(np.float32).reshape((width, channels)), factors, shifts, base)
            _widened(fine[n, y].reshape(count), own)
            _joined(own.view(np.float32), base, factors, slope)
            _narrowed(own, joined[n, y].reshape(count))


@compiled
def join_float32(
    coarse: Floats, fine: Floats, factor: Floats, shift: Floats, slope: np.float32, joined: Floats
) -> None:
    """Like `join_bfloat16`, for numbers in float32."""
    maps, height, width, channels = coarse.shape
    count = 2 * width * channels
    factors, shifts = np.empty(count, np.float32), np.empty(count, np.float32)
    base = np.empty(count, np.float32)
    for n in range(maps):
        _repeated(factor[n : n + 1], factors)
        _repeated(shift[n : n + 1], shifts)
        for y in range(2 * height):
            if y % 2 == 0:
                _base(coarse[n, y // 2], factors, shifts, base)
            joined[n, y] = fine[n, y]
            _joined(joined[n, y].reshape(count), base, factors, slope)


@compiled
def fold_float32(maps: Floats, folded: Floats) -> None:
    """Put `s` times `s` pixels of maps `[n, k, s * h, s * w]` into the channels of `[n, h, w, k * s * s]`."""
    for n in range(folded.shape[0]):
        for y in range(folded.shape[1]):
            _fold_row(maps[n], y, folded[n, y])


@compiled
def fold_bfloat16(maps: Floats, folded: Bits) -> None:
    """Like `fold_float32`, rounded."""
    count = folded.shape[2] * folded.shape[3]
    wide = np.empty(count, np.uint32)
    numbers = wide.view(np.float32).reshape(folded.shape[2:])
    for n in range(folded.shape[0]):
        for y in range(folded.shape[1]):
            _fold_row(maps[n], y, numbers)
            _narrowed(wide, folded[n, y].reshape(count))


@compiled
def _fold_row(maps: Floats, y: int, folded: Floats) -> None:
    """Row `y` of the cells `[w, k * s * s]` of maps `[k, s * h, s * w]`."""
    cells, scale = folded.shape[0], maps.shape[2] // folded.shape[0]
    for c in range(maps.shape[0]):
        for i in range(scale):
            row, first = maps[c, scale * y + i], (c * scale + i) * scale
            if scale == 2:  # a constant makes the loop fast
                for x in range(cells):
                    folded[x, first], folded[x, first + 1] = row[2 * x], row[2 * x + 1]
            else:
                for x in range(cells):
                    for j in range(scale):
                        folded[x, first + j] = row[scale * x + j]


@compiled
def unfold_float32(folded: Floats, first: Floats, others: Floats) -> None:
    """The inverse of `fold_float32`: the first map `[n, 1, s * h, s * w]` and the others are written."""
    for n in range(folded.shape[0]):
        for y in range(folded.shape[1]):
            _unfold_row(folded[n, y], y, first[n], others[n])


@compiled
def unfold_bfloat16(folded: Bits, first: Floats, others: Floats) -> None:
    """Like `unfold_float32`, of numbers in bfloat16."""
    count = folded.shape[2] * folded.shape[3]
    wide = np.empty(count, np.uint32)
    numbers = wide.view(np.float32).reshape(folded.shape[2:])
    for n in range(folded.shape[0]):
        for y in range(folded.shape[1]):
            _widened(folded[n, y].reshape(count), wide)
            _unfold_row(numbers, y, first[n], others[n])


@compiled
def _unfold_row(folded: Floats, y: int, first: Floats, others: Floats) -> None:
    """Cells `[w, k * s * s]` to rows of maps, the inverse of `_fold_row`."""
    cells, scale = folded.shape[0], first.shape[2] // folded.shape[0]
    for c in range(1 + others.shape[0]):
        maps, k = (first, 0) if c == 0 else (others, c - 1)
        for i in range(scale):
            row, at = maps[k, scale * y + i], (c * scale + i) * scale
            if scale == 2:
                for x in range(cells):
                    row[2 * x], row[2 * x + 1] = folded[x, at], folded[x, at + 1]
            else:
                for x in range(cells):
                    for j in range(scale):
                        row[scale * x + j] = folded[x, at + j]


@compiled
def sample_cells(features: Floats, places: Floats, sampled: Floats) -> None:
    """Sample feature vectors between their cells; beyond the border its last ones are repeated.

    Args:
        features: `[h, w, channels]`.
        places: `[n, n, 2]`, x and y in -1..1 over the features.
        sampled: `[n, n, channels]`, written.
    """
    height, width, channels = features.shape
    right, low = np.float32(width - 1), np.float32(height - 1)
    for y in range(sampled.shape[0]):
        for x in range(sampled.shape[1]):
            across = ((places[y, x, 0] + ONE) * np.float32(width) - ONE) * HALF
            down = ((places[y, x, 1] + ONE) * np.float32(height) - ONE) * HALF
            across, down = min(max(across, NONE), right), min(max(down, NONE), low)
            # What is no number passes the comparisons before, which assume that there is none.
            column = min(max(int(across), 0), width - 1)
            row = min(max(int(down), 0), height - 1)
            u, v = across - np.float32(column), down - np.float32(row)
            after, below = min(column + 1, width - 1), min(row + 1, height - 1)
            a, b = features[row, column], features[row, after]
            d, e = features[below, column], features[below, after]
            target = sampled[y, x]
            for c in range(channels):
                upper, lower = a[c] + (b[c] - a[c]) * u, d[c] + (e[c] - d[c]) * u
                target[c] = upper + (lower - upper) * v
