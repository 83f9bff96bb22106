"""The memory bank as the transformer reads it, and what it remembers of it."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from flowact.mmdit.quantised import round_to

REFERENCE, LONG_TERM, SHORT_TERM = range(3)
"""Roles of memory latents."""


@dataclass(frozen=True)
class MemoryInput:
    """Latents that the stream may look at.

    Attributes:
        latents: `[batch, M, channels, height, width]`.
        roles: `[M]` int64: `REFERENCE`, `LONG_TERM` or `SHORT_TERM`.
        times: `[batch or 1, M]` in latents relative to the first latent of the stream, so negative.
        levels: `[batch, M]`, how much noise the latents carry, 0..1.
        audio: `[batch, 4 * A, audio_dim]`, sound of the newest `A` of these latents; `A` may be 0.
    """

    latents: Tensor
    roles: Tensor
    times: Tensor
    levels: Tensor
    audio: Tensor

    def noised(self, noise: Tensor, levels: Tensor) -> "MemoryInput":
        """Blend clean latents with `noise` at `levels [batch, M]`."""
        share = levels[..., None, None, None]
        latents = (1 - share) * self.latents + share * noise
        return replace(self, latents=latents, levels=levels)


class KeyValue(NamedTuple):
    """Keys and values of one block, each `[batch, heads, tokens, head_dim]`."""

    key: Tensor
    value: Tensor


class RoundedKeyValue(NamedTuple):
    """Keys and values in FP8, which need half the memory of bfloat16.

    Attributes:
        key, value: `[batch, heads, tokens, head_dim]` in e4m3.
        key_scale, value_scale: one for every token of every head, `[batch, heads, tokens, 1]`.
    """

    key: Tensor
    key_scale: Tensor
    value: Tensor
    value_scale: Tensor


MemoryFormat = Literal["native", "fp8"]
MemoryCache = tuple[KeyValue | RoundedKeyValue, ...]
"""Keys and values of the memory's tokens, one entry per block."""


def kept(remembered: KeyValue, form: MemoryFormat) -> KeyValue | RoundedKeyValue:
    """Keys and values in the format in which they are kept."""
    if form == "native":
        return remembered
    return RoundedKeyValue(
        *round_to(remembered.key, "fp8", (-1,)), *round_to(remembered.value, "fp8", (-1,))
    )


def recalled(remembered: KeyValue | RoundedKeyValue | None, dtype: torch.dtype) -> KeyValue | None:
    """What was kept, as attention takes it."""
    if not isinstance(remembered, RoundedKeyValue):
        return remembered
    key, key_scale, value, value_scale = remembered
    return KeyValue((key.float() * key_scale).to(dtype), (value.float() * value_scale).to(dtype))
