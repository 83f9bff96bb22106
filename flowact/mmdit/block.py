"""A block of the transformer: modalities with weights of their own meet in joint attention (MMDiT)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from flowact.mmdit import token_kernels
from flowact.mmdit.layers import FeedForward, RMSNorm, attention, modulate
from flowact.mmdit.memory import KeyValue
from flowact.mmdit.number_bits import takes
from flowact.mmdit.rope import Rotary, rotate


@dataclass(frozen=True)
class Tokens:
    """Tokens of one modality `[batch, groups, tokens, dim]`, their modulation and positions."""

    x: Tensor
    modulation: Tensor
    rotary: Rotary


class Projected(NamedTuple):
    """Query, key and value of one modality, each `[batch, heads, groups * tokens, head_dim]`."""

    query: Tensor
    key: Tensor
    value: Tensor


class Attended(NamedTuple):
    """What joint attention found for each modality, shaped as its query, and the tokens' own keys and values."""

    found: dict[str, Tensor]
    own: KeyValue


Attend = Callable[[dict[str, Projected], KeyValue | None], Attended]
"""Joint attention over all modalities and the memory; where several devices share a model, they meet here."""


def attend_jointly(projected: dict[str, Projected], memory: KeyValue | None) -> Attended:
    """Attend to the tokens of all modalities, and to the memory's if there is one."""
    query, key, value = (torch.cat(parts, dim=2) for parts in zip(*projected.values(), strict=True))
    own = KeyValue(key, value)
    if memory is not None:
        key, value = torch.cat((memory.key, key), 2), torch.cat((memory.value, value), 2)
    lengths = [part.query.shape[2] for part in projected.values()]
    found = attention(query, key, value).split(lengths, 2)
    return Attended(dict(zip(projected, found, strict=True)), own)


class StreamLayer(nn.Module):
    """What one modality owns of a block: projections, feed-forward and modulation table.

    `final` layers give keys and values only: in the last block nobody reads audio and text again.
    """

    def __init__(self, dim: int, heads: int, head_dim: int, ratio: float, final: bool) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(6, dim))
        self.head_dim = head_dim
        self.qkv = nn.Linear(dim, 3 * heads * head_dim)
        self.query_norm = RMSNorm(head_dim)
        self.key_norm = RMSNorm(head_dim)
        if not final:
            self.out = nn.Linear(heads * head_dim, dim)
            self.feed_forward = FeedForward(dim, ratio)

    def project(self, tokens: Tokens) -> Projected:
        """Return the tokens' queries, keys and values."""
        modulated = modulate(tokens.x, tokens.modulation[:, :, :2] + self.table[:2])
        qkv = self.qkv(modulated).flatten(1, 2)
        if takes(qkv):
            scales = self.query_norm.scale, self.key_norm.scale
            return Projected(*token_kernels.split_heads(qkv, scales, *tokens.rotary))
        query, key, value = qkv.unflatten(-1, (3, -1, self.head_dim)).permute(2, 0, 3, 1, 4)
        query = rotate(self.query_norm(query), tokens.rotary)
        return Projected(query, rotate(self.key_norm(key), tokens.rotary), value)

    def update(self, tokens: Tokens, attended: Tensor) -> Tokens:
        """Add what attention found `[batch, heads, groups * tokens, head_dim]`, feed forward."""
        # A gate, shift and scale of what is fed forward, and another gate.
        parts = tokens.modulation[:, :, 2:] + self.table[2:]
        found = self.out(attended.transpose(1, 2).flatten(2)).view_as(tokens.x)
        x = torch.addcmul(tokens.x, parts[:, :, :1], found)
        x = torch.addcmul(x, parts[:, :, 3:], self.feed_forward(modulate(x, parts, 1)))
        return replace(tokens, x=x)


class Block(nn.Module):
    """Joint attention over all modalities, and over the memory's keys and values if given."""

    def __init__(
        self, widths: dict[str, int], heads: int, head_dim: int, ratio: float, final: bool
    ) -> None:
        super().__init__()
        self.final = final
        self.streams = nn.ModuleDict(
            {
                name: StreamLayer(dim, heads, head_dim, ratio, final and name != "video")
                for name, dim in widths.items()
            }
        )

    def _stream(self, name: str) -> StreamLayer:
        return cast(StreamLayer, self.streams[name])

    def forward(
        self,
        tokens: dict[str, Tokens],
        memory: KeyValue | None,
        attend: Attend = attend_jointly,
    ) -> tuple[dict[str, Tokens], KeyValue]:
        """Return the updated tokens and their own keys and values."""
        projected = {name: self._stream(name).project(part) for name, part in tokens.items()}
        found, own = attend(projected, memory)
        return {
            name: self._stream(name).update(part, found[name])
            for name, part in tokens.items()
            if name == "video" or not self.final
        }, own
