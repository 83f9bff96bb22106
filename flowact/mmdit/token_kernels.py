"""Compiled loops for what happens to tokens between matrix products, on a processor.

PyTorch makes each in many passes through memory, and converts numbers in every one; at the sizes of the small
model that takes as long as the products. Within a loop numbers are float32.
"""

import math
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from flowact.mmdit.number_bits import bits_of, compiled, read, write

_EPSILON: Final = np.float32(1e-6)
_ONE: Final = np.float32(1)
_LOWEST: Final = np.float32(-126)
"""Powers of two below this one are no normal numbers."""
_POWERS: Final = tuple(np.float32(math.log(2) ** n / math.factorial(n)) for n in range(8))
"""Of the series of 2 to the power of a number within -0.5..0.5; the rest is below what float32 tells apart."""
_EXPONENT: Final = np.uint32(23)
_BIAS: Final = np.int32(127)
_INNER: Final = np.float32(-2 * math.sqrt(2 / math.pi) * math.log2(math.e))
_CUBE: Final = np.float32(0.044715)


def split_heads(
    qkv: Tensor, scales: tuple[Tensor, Tensor], cos: Tensor, sin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of tokens; the first two normalised and rotated.

    Args:
        qkv: what the projection gave, `[batch, tokens, 3 * heads * width]`.
        scales: of the root mean square norms of queries and keys, `[width]` each.
        cos: of the rotary angles, `[batch or 1, 1, tokens, width / 2]`.
        sin: the same.

    Returns:
        `[batch, heads, tokens, width]` each, in the dtype of `qkv`.
    """
    batch, tokens, total = qkv.shape
    width = len(scales[0])
    heads = total // (3 * width)
    given = qkv.contiguous().view(batch, tokens, 3, heads, width)
    made = qkv.new_empty(3, batch, heads, tokens, width)
    factors = torch.stack(scales).float().numpy()
    # Contiguous, or a second session in the batch would have the loop compiled anew.
    angles = (
        part.detach().float().expand(batch, -1, -1, -1)[:, 0].contiguous() for part in (cos, sin)
    )
    _split_heads(bits_of(given), factors, *(part.numpy() for part in angles), bits_of(made))
    query, key, value = made.unbind()
    return query, key, value


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalise tokens `[batch, groups, tokens, dim]`, scale and shift them by `[batch, groups, 1, dim]`."""
    made = torch.empty_like(x, memory_format=torch.contiguous_format)
    by = (part.detach().float()[:, :, 0].numpy() for part in (shift, scale))
    _modulate(bits_of(x.contiguous()), *by, bits_of(made))
    return made


def gelu(x: Tensor) -> Tensor:
    """The tanh form of GELU of `[..., dim]`."""
    made = torch.empty_like(x, memory_format=torch.contiguous_format)
    _gelu(*(bits_of(part).reshape(-1, x.shape[-1]) for part in (x.contiguous(), made)))
    return made


@compiled  # type: ignore[untyped-decorator]
def _split_heads(given: Any, scales: Any, cos: Any, sin: Any, made: Any) -> None:
    batch, tokens, _, heads, width = given.shape
    half = width // 2
    wide, turned = np.empty(width, np.uint32), np.empty(width, np.uint32)
    numbers, result = wide.view(np.float32), turned.view(np.float32)
    for b in range(batch):
        for n in range(tokens):
            for h in range(heads):
                for part in range(2):
                    read(given[b, n, part, h], wide)
                    total = np.float32(0)
                    for i in range(width):
                        total += numbers[i] * numbers[i]
                    factor = _ONE / np.sqrt(total / np.float32(width) + _EPSILON)
                    for i in range(width):
                        numbers[i] = numbers[i] * factor * scales[part, i]
                    for i in range(half):
                        a, c = numbers[i], numbers[i + half]
                        result[i] = a * cos[b, n, i] - c * sin[b, n, i]
                        result[i + half] = c * cos[b, n, i] + a * sin[b, n, i]
                    write(turned, made[part, b, h, n])
                source, target = given[b, n, 2, h], made[2, b, h, n]
                for i in range(width):
                    target[i] = source[i]


@compiled  # type: ignore[untyped-decorator]
def _modulate(given: Any, shift: Any, scale: Any, made: Any) -> None:
    batch, groups, tokens, dim = given.shape
    wide = np.empty(dim, np.uint32)
    numbers = wide.view(np.float32)
    for b in range(batch):
        for g in range(groups):
            for n in range(tokens):
                read(given[b, g, n], wide)
                total = np.float32(0)
                for i in range(dim):
                    total += numbers[i]
                mean, squares = total / np.float32(dim), np.float32(0)
                for i in range(dim):
                    numbers[i] -= mean
                    squares += numbers[i] * numbers[i]
                factor = _ONE / np.sqrt(squares / np.float32(dim) + _EPSILON)
                for i in range(dim):
                    numbers[i] = numbers[i] * factor * (_ONE + scale[b, g, i]) + shift[b, g, i]
                write(wide, made[b, g, n])


@compiled  # type: ignore[untyped-decorator]
def _gelu(given: Any, made: Any) -> None:
    rows, dim = given.shape
    wide, powers = np.empty(dim, np.uint32), np.empty(dim, np.float32)
    numbers = wide.view(np.float32)
    for n in range(rows):
        read(given[n], wide)
        for i in range(dim):
            x = numbers[i]
            powers[i] = _INNER * (x + _CUBE * x * x * x)
        _exp2(powers)
        for i in range(dim):
            numbers[i] = numbers[i] / (_ONE + powers[i])
        write(wide, made[n])


@compiled  # type: ignore[untyped-decorator]
def _exp2(numbers: Any) -> None:
    """Two to the power of numbers, in place; the library's function is no vector instruction."""
    scale = np.empty(numbers.size, np.uint32)
    for i in range(numbers.size):
        x = min(max(numbers[i], _LOWEST), -_LOWEST)
        whole = np.floor(x + np.float32(0.5))
        scale[i] = np.uint32(np.int32(whole) + _BIAS) << _EXPONENT
        x = x - whole
        power = _POWERS[7]
        power = power * x + _POWERS[6]
        power = power * x + _POWERS[5]
        power = power * x + _POWERS[4]
        power = power * x + _POWERS[3]
        power = power * x + _POWERS[2]
        power = power * x + _POWERS[1]
        numbers[i] = power * x + _POWERS[0]
    factors = scale.view(np.float32)
    for i in range(numbers.size):
        numbers[i] *= factors[i]
