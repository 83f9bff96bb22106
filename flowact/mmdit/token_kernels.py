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
_LEAST: Final = np.int32(-(2**31))
_SIGN, _SIZE, _INFINITE = np.int32(31), np.int32(0x7FFFFFFF), np.int32(0x7F800000)
"""Of float32: where its sign is, the bits of its size, and those of an infinite one."""
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
    factors = (bits_of(scale) for scale in scales)
    # Contiguous, or a second session in the batch would have the loop compiled anew.
    angles = (part.detach().float().contiguous().numpy() for part in (cos, sin))
    _split_heads(bits_of(given), *factors, *angles, bits_of(made))
    query, key, value = made.unbind()
    return query, key, value


def modulate(x: Tensor, parts: Tensor, first: int) -> Tensor:
    """Normalise tokens `[batch, groups, tokens, dim]`, scale and shift them.

    Args:
        x: the tokens.
        parts: of their modulation, `[batch, groups, parts, dim]`.
        first: the shift's place among them; the scale is the next one.
    """
    made = torch.empty_like(x, memory_format=torch.contiguous_format)
    _modulate(bits_of(x.contiguous()), bits_of(parts.contiguous()), first, bits_of(made))
    return made


def softmax(scores: Tensor, factor: float) -> Tensor:
    """Softmax over the last dimension of `factor` times contiguous scores, which are overwritten and returned.

    Rows with an infinite one, or one that is no number, become no numbers.
    """
    rows = bits_of(scores).reshape(-1, scores.shape[-1])
    _softmax(rows, np.float32(factor * math.log2(math.e)))
    return scores


def gelu(x: Tensor) -> Tensor:
    """The tanh form of GELU of `[..., dim]`."""
    made = torch.empty_like(x, memory_format=torch.contiguous_format)
    _gelu(*(bits_of(part).reshape(-1, x.shape[-1]) for part in (x.contiguous(), made)))
    return made


@compiled  # type: ignore[untyped-decorator]
def _split_heads(
    given: Any, query_scale: Any, key_scale: Any, cos: Any, sin: Any, made: Any
) -> None:
    batch, tokens, _, heads, width = given.shape
    half = width // 2
    wide, turned = np.empty(width, np.uint32), np.empty(width, np.uint32)
    numbers, result = wide.view(np.float32), turned.view(np.float32)
    factors = np.empty((2, width), np.uint32)
    read(query_scale, factors[0])
    read(key_scale, factors[1])
    scales = factors.view(np.float32)
    for b in range(batch):
        turn = min(b, cos.shape[0] - 1)
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
                        result[i] = a * cos[turn, 0, n, i] - c * sin[turn, 0, n, i]
                        result[i + half] = c * cos[turn, 0, n, i] + a * sin[turn, 0, n, i]
                    write(turned, made[part, b, h, n])
                source, target = given[b, n, 2, h], made[2, b, h, n]
                for i in range(width):
                    target[i] = source[i]


@compiled  # type: ignore[untyped-decorator]
def _modulate(given: Any, parts: Any, first: int, made: Any) -> None:
    batch, groups, tokens, dim = given.shape
    wide, by = np.empty(dim, np.uint32), np.empty((2, dim), np.uint32)
    numbers, shift, scale = wide.view(np.float32), by[0].view(np.float32), by[1].view(np.float32)
    for b in range(batch):
        for g in range(groups):
            read(parts[b, g, first], by[0])
            read(parts[b, g, first + 1], by[1])
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
                    numbers[i] = numbers[i] * factor * (_ONE + scale[i]) + shift[i]
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
def _softmax(scores: Any, factor: Any) -> None:
    rows, length = scores.shape
    wide, top = np.empty(length, np.uint32), np.empty(1, np.int32)
    numbers, bits, most = wide.view(np.float32), wide.view(np.int32), top.view(np.float32)
    for n in range(rows):
        read(scores[n], wide)
        # Integers are compared by vector instructions, numbers are not: one of them might be none.
        highest, furthest = _LEAST, np.int32(0)
        for i in range(length):
            size = bits[i] & _SIZE
            furthest = max(furthest, size)
            highest = max(highest, bits[i] ^ ((bits[i] >> _SIGN) & _SIZE))
        if furthest >= _INFINITE:
            numbers[:] = np.nan
            write(wide, scores[n])
            continue
        top[0] = highest ^ ((highest >> _SIGN) & _SIZE)
        for i in range(length):
            numbers[i] = (numbers[i] - most[0]) * factor
        _exp2(numbers)
        total = np.float32(0)
        for i in range(length):
            total += numbers[i]
        share = _ONE / total
        for i in range(length):
            numbers[i] *= share
        write(wide, scores[n])


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
