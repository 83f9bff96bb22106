"""The memory bank as the transformer reads it, and what it remembers of it."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

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


MemoryCache = tuple[KeyValue, ...]
"""Keys and values of the memory's tokens, one entry per block."""
