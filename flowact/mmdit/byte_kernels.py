"""Compiled loops that round tokens to bytes and scale products back, on a processor.

PyTorch would make each in several passes through memory, which together cost more than the product of the
bytes. Numbers are read and written by their bits, as float32 or bfloat16, and every result is the one that
PyTorch's operators would give.
"""

from typing import Any, Final

import numba
import numpy as np
import torch
from torch import Tensor

from flowact.mmdit.number_bits import bits_of, read, write

_LEVELS: Final = np.float32(127)
_SMALLEST: Final = np.float32(1e-12)
_MAGNITUDE: Final = np.uint32(0x7FFFFFFF)
# No fastmath: results must be those of the definition. The largest magnitude is sought among integers,
# whose order is that of the numbers, not-a-number last.
_compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")


def to_bytes(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Round tokens `[n, dim]` to int8 with a scale for each, `[n]` in float32."""
    levels = torch.empty(tokens.shape, dtype=torch.int8)
    scales = torch.empty(len(tokens))
    _to_bytes(bits_of(tokens.contiguous()), levels.numpy(), scales.numpy())
    return levels, scales


def from_sums(
    sums: Tensor, token_scale: Tensor, scale: Tensor, bias: Tensor | None, dtype: torch.dtype
) -> Tensor:
    """Scale sums of products int32 `[n, out]` by `[n]` and `[out]`, add the bias, give `dtype`."""
    made = torch.empty(sums.shape, dtype=dtype)
    added = torch.zeros(sums.shape[1]) if bias is None else bias
    columns = scale.expand(sums.shape[1]).contiguous()
    arrays = (part.numpy() for part in (sums, token_scale, columns, added))
    _from_sums(*arrays, bits_of(made))
    return made


@_compiled  # type: ignore[untyped-decorator]
def _to_bytes(tokens: Any, levels: Any, scales: Any) -> None:
    count, dim = tokens.shape
    wide, rounded = np.empty(dim, np.uint32), np.empty(dim, np.int32)
    numbers = wide.view(np.float32)
    largest = np.empty(1, np.uint32)
    for n in range(count):
        peak = np.uint32(0)
        read(tokens[n], wide)
        for i in range(dim):
            peak = max(peak, wide[i] & _MAGNITUDE)
        largest[0] = peak
        scale = largest.view(np.float32)[0] / _LEVELS
        if scale < _SMALLEST:
            scale = _SMALLEST
        scales[n] = scale
        for i in range(dim):
            rounded[i] = np.int32(np.rint(numbers[i] / scale))
        for i in range(dim):
            levels[n, i] = rounded[i]


@_compiled  # type: ignore[untyped-decorator]
def _from_sums(sums: Any, token_scale: Any, scale: Any, bias: Any, made: Any) -> None:
    count, width = sums.shape
    numbers = np.empty(width, np.float32)
    bits = numbers.view(np.uint32)
    for n in range(count):
        factor = token_scale[n]
        for i in range(width):
            numbers[i] = np.float32(sums[n, i]) * (factor * scale[i]) + bias[i]
        write(bits, made[n])
