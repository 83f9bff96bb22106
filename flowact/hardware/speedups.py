"""How much faster one number format is than another on this processor, measured on what the model is made of."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import torch

from flowact.mmdit.block import Block, Tokens
from flowact.mmdit.memory import KeyValue
from flowact.mmdit.quantised import QuantisedLinear, quantise
from flowact.mmdit.rope import Rotary
from flowact.tokenizer.convolutions.int8 import Int8ResidualBlock, QuantParams
from flowact.tokenizer.layers import ResidualBlock, to_channels_last

_FORMATS: Final = (torch.float32, torch.bfloat16)
_WIDTHS: Final = {"video": 256, "audio": 192, "text": 128}
_TOKENS: Final = {"video": (9, 8), "audio": (10, 4), "text": (3, 2)}
"""Groups and tokens of each, in one pass over the default model's stream."""
_HEADS, _HEAD_DIM, _REMEMBERED = 4, 64, 56


def bf16_speedup(seconds: float = 0.8) -> float:
    """Return how many times faster bfloat16 is than float32 at a transformer's matrix product."""
    layer, x = torch.nn.Linear(512, 2048), torch.randn(512, 512)
    with torch.inference_mode():
        slow, quick = _best_times(
            [partial(copy.deepcopy(layer).to(dtype), x.to(dtype)) for dtype in _FORMATS], seconds
        )
    return slow / quick


def int8_speedup(seconds: float = 0.6) -> float:
    """Return how many times faster bytes are than the faster of float32 and bfloat16 in a residual block."""
    steps = QuantParams.over(-4.0, 4.0)
    x = torch.randn(4, 64, 60, 60).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        blocks = [ResidualBlock(64) for _ in range(4)]
        for block in blocks:
            to_channels_last(block)
        bytewise = [Int8ResidualBlock(block, steps, steps) for block in blocks[2:]]
        pairs = zip([*blocks[:2], *bytewise], 2 * _FORMATS, strict=True)
        times = _best_times([partial(b.to(dtype), x.to(dtype)) for b, dtype in pairs], seconds)
    return min(times[:2]) / min(times[2:])


def linear_speedup(seconds: float = 0.4) -> float:
    """Return how many times faster a transformer block is with its video layers in bytes, in its faster format."""
    with torch.inference_mode():
        times = _best_times(
            [_block_call(dtype, bytewise) for bytewise in (False, True) for dtype in _FORMATS],
            seconds,
        )
    return min(times[:2]) / min(times[2:])


def _block_call(dtype: torch.dtype, bytewise: bool) -> Callable[[], object]:
    """One pass of a block of the default model's size, whatever its numbers."""
    block = Block(_WIDTHS, _HEADS, _HEAD_DIM, 4.0, final=False).to(dtype).eval()
    if bytewise:
        quantise(block, lambda trained: QuantisedLinear(trained, "int8"))
    tokens = {}
    for name, (groups, count) in _TOKENS.items():
        angles = torch.zeros(1, 1, groups * count, _HEAD_DIM // 2)
        x = torch.randn(1, groups, count, _WIDTHS[name]).to(dtype)
        modulation = torch.zeros(1, groups, 6, _WIDTHS[name], dtype=dtype)
        tokens[name] = Tokens(x, modulation, Rotary(angles.cos(), angles.sin()))
    remembered = torch.zeros(1, _HEADS, _REMEMBERED, _HEAD_DIM, dtype=dtype)
    return partial(block, tokens, KeyValue(remembered, remembered))


def _best_times(
    calls: Sequence[Callable[[], object]], seconds: float, at_least: int = 5
) -> list[float]:
    """Time calls in turn for some seconds in all; on a machine too busy for that, each a few times.

    What counts is the time that the processor gave this thread: on a busy machine the time that passed
    says who else was there, and a server that starts then would compute in a slow format until its end.
    Of that, the best time: other programs fill the caches.
    """
    for call in calls:
        call()
    best, runs, end = [math.inf] * len(calls), 0, time.perf_counter() + seconds
    while runs < at_least or time.perf_counter() < end:
        for index, call in enumerate(calls):
            start = time.thread_time()
            call()
            best[index] = min(best[index], time.thread_time() - start)
        runs += 1
    return best
