"""Frame-level hybrid parallelism (FlowAct-R1, arXiv 2601.10103): latents divided among devices.

Audio and text are few tokens and computed by everybody. In every layer the video tokens meet in attention, in
one of two ways. Gathering keys and values works for any number of devices. Ulysses (DeepSpeed-Ulysses, arXiv
2309.14509) gives every device all tokens of some heads instead; it moves half as much among four devices, and
as much among two, but the heads must divide.

Of one device's tensors, everybody's are made with the shares filled up to the largest, since collectives take
tensors of one shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from flowact.errors import UserError
from flowact.mmdit.block import Attended, Projected, attend_jointly
from flowact.mmdit.memory import KeyValue
from flowact.mmdit.model import FlowActTransformer
from flowact.parallel import Exchange
from flowact.parallel.group import Group


def divide(length: int, ranks: int) -> tuple[int, ...]:
    """Latents of every rank: as even as can be, the first ones have one more."""
    each, more = divmod(length, ranks)
    return tuple(each + (rank < more) for rank in range(ranks))


@dataclass(frozen=True)
class FrameShare:
    """One rank's latents of a pass; see `flowact.mmdit.division.Share`.

    Attributes:
        group: the ranks.
        counts: latents of every rank.
        cells: video tokens of a latent.
    """

    group: Group
    counts: Sequence[int]
    cells: int

    @property
    def own(self) -> slice:
        """The latents of this rank."""
        end = list(accumulate(self.counts))[self.group.rank]
        return slice(end - self.counts[self.group.rank], end)

    def gather(self, tokens: Tensor) -> Tensor:
        """Own `[batch, latents, ...]` to those of all ranks."""
        filled = _filled(tokens, 1, max(self.counts))
        return _joined(self.group.all_gather(filled), 1, self.counts)

    def attend(self, projected: dict[str, Projected], memory: KeyValue | None) -> Attended:
        """Own video tokens, and those of sound and text, attend to the tokens of all ranks."""
        query, key, value = projected["video"]
        pair = _filled(torch.stack((key, value)), 3, max(self._tokens))
        key, value = _joined(self.group.all_gather(pair), 3, self._tokens)
        return attend_jointly(projected | {"video": Projected(query, key, value)}, memory)

    @property
    def _tokens(self) -> list[int]:
        return [count * self.cells for count in self.counts]


@dataclass(frozen=True)
class HeadShare(FrameShare):
    """The same latents, but in attention all tokens of some heads; the memory is kept by heads too."""

    def attend(self, projected: dict[str, Projected], memory: KeyValue | None) -> Attended:
        """Every rank attends with its heads to all tokens, and gets back all heads of its own."""
        video = self._all_tokens(torch.stack(projected["video"]))
        mine = {name: self._own_heads(torch.stack(part)) for name, part in projected.items()}
        parts = {
            name: Projected(*part.unbind()) for name, part in (mine | {"video": video}).items()
        }
        found, own = attend_jointly(parts, memory)
        others = [name for name in found if name != "video"]
        whole = {"video": self._all_heads(found["video"])}
        if others:
            lengths = [found[name].shape[2] for name in others]
            joined = self.group.all_gather(torch.cat([found[name] for name in others], 2))
            heads = joined.transpose(0, 1).flatten(1, 2)
            whole |= dict(zip(others, heads.split(lengths, 2), strict=True))
        return Attended(whole, own)

    def _own_heads(self, part: Tensor) -> Tensor:
        return part.chunk(self.group.size, 2)[self.group.rank]

    def _all_tokens(self, own: Tensor) -> Tensor:
        """`[3, batch, heads, own tokens, d]` to `[3, batch, own heads, tokens, d]`."""
        filled = _filled(own, 3, max(self._tokens))
        by_rank = filled.unflatten(2, (self.group.size, -1)).movedim(2, 0)
        return _joined(self.group.all_to_all(by_rank), 3, self._tokens)

    def _all_heads(self, found: Tensor) -> Tensor:
        """`[batch, own heads, tokens, d]` to `[batch, heads, own tokens, d]`."""
        most = max(self._tokens)
        by_rank = torch.stack([_filled(part, 2, most) for part in found.split(self._tokens, 2)])
        heads = self.group.all_to_all(by_rank).transpose(0, 1).flatten(1, 2)
        return heads[:, :, : self._tokens[self.group.rank]]


@dataclass(frozen=True)
class FrameDivision:
    """Divides the latents of every pass evenly; set as a transformer's `division` on every rank.

    Attributes:
        group: the ranks.
        cells: video tokens of a latent.
        exchange: how they meet in attention.
    """

    group: Group
    cells: int
    exchange: Exchange = "gather"

    def over(self, length: int) -> FrameShare:
        """Return this rank's share of `length` latents."""
        kind = FrameShare if self.exchange == "gather" else HeadShare
        return kind(self.group, divide(length, self.group.size), self.cells)


def share_frames(
    transformer: FlowActTransformer, group: Group, exchange: Exchange = "gather"
) -> None:
    """Let a transformer, whose like every rank has, work on this rank's latents.

    Raises:
        UserError: Ulysses with heads that do not divide.
    """
    heads = int(transformer.config.heads)
    if exchange == "ulysses" and heads % group.size:
        raise UserError(
            f"{heads} heads do not divide among {group.size} ranks: use --exchange gather."
        )
    transformer.division = FrameDivision(group, transformer.grid.tokens, exchange)


def _filled(part: Tensor, dim: int, size: int) -> Tensor:
    """Zeros appended along `dim` until it is of that size."""
    missing = size - part.shape[dim]
    return F.pad(part, (0, 0) * (part.dim() - dim - 1) + (0, missing)) if missing else part


def _joined(parts: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """What was filled up, `[ranks, ...]`, without the filling and behind one another along `dim`."""
    each = zip(parts, sizes, strict=True)
    return torch.cat([part.narrow(dim, 0, size) for part, size in each], dim)
