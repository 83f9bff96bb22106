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
    wide, own = np.empty(channels, np.uint32), np.empty(channels, np.uint32)
    base, number = wide.view(np.float32), own.view(np.float32)
    for n in range(maps):
        for y in range(2 * height):
            for x in range(2 * width):
                if x % 2 == 0:
                    source = coarse[n, y // 2, x // 2]
                    for c in range(channels):
                        wide[c] = np.uint32(source[c]) << _MANTISSA
                    for c in range(channels):
                        base[c] = base[c] * factor[n, c] + shift[n, c]
                source, target = fine[n, y, x], joined[n, y, x]
                for c in range(channels):
                    own[c] = np.uint32(source[c]) << _MANTISSA
                for c in range(channels):
                    level = number[c] * factor[n, c] + base[c]
                    number[c] = max(level, level * slope)
                for c in range(channels):
                    even = (own[c] >> _MANTISSA) & np.uint32(1)
                    target[c] = np.uint16((own[c] + np.uint32(0x7FFF) + even) >> _MANTISSA)


@compiled
def join_float32(
    coarse: Floats, fine: Floats, factor: Floats, shift: Floats, slope: np.float32, joined: Floats
) -> None:
    """Like `join_bfloat16`, for numbers in float32."""
    maps, height, width, channels = coarse.shape
    base = np.empty(channels, np.float32)
    for n in range(maps):
        for y in range(2 * height):
            for x in range(2 * width):
                if x % 2 == 0:
                    source = coarse[n, y // 2, x // 2]
                    for c in range(channels):
                        base[c] = source[c] * factor[n, c] + shift[n, c]
                own, target = fine[n, y, x], joined[n, y, x]
                for c in range(channels):
                    level = own[c] * factor[n, c] + base[c]
                    target[c] = max(level, level * slope)


@compiled
def fold(maps: Floats, scale: int, folded: Floats) -> None:
    """Put `scale` times `scale` pixels of maps `[n, k, s * h, s * w]` into the channels of `[n, h, w, k * s * s]`."""
    for n in range(folded.shape[0]):
        for y in range(folded.shape[1]):
            for c in range(maps.shape[1]):
                for i in range(scale):
                    row, first = maps[n, c, scale * y + i], (c * scale + i) * scale
                    for x in range(folded.shape[2]):
                        for j in range(scale):
                            folded[n, y, x, first + j] = row[scale * x + j]


@compiled
def unfold(folded: Floats, scale: int, maps: Floats) -> None:
    """The inverse of `fold`."""
    for n in range(folded.shape[0]):
        for y in range(folded.shape[1]):
            for c in range(maps.shape[1]):
                for i in range(scale):
                    row, first = maps[n, c, scale * y + i], (c * scale + i) * scale
                    for x in range(folded.shape[2]):
                        for j in range(scale):
                            row[scale * x + j] = folded[n, y, x, first + j]
