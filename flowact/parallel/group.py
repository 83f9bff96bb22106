"""The processes that share a transformer, and how they exchange tensors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from flowact.parallel.membership import Membership

SILENCE: Final = timedelta(seconds=10)
"""How long a rank waits for another within a step. What hangs longer is restarted as a whole."""
JOINING: Final = timedelta(seconds=180)
"""How long ranks wait for each other while they load."""


class Group(Protocol):
    """Processes that run the same program on parts of the same data.

    Attributes:
        rank: number of this process, from 0.
        size: how many there are.
    """

    rank: int
    size: int

    def all_gather(self, part: Tensor) -> Tensor:
        """Everybody's part, `[...]` of one shape, as `[size, ...]` by rank."""

    def all_to_all(self, parts: Tensor) -> Tensor:
        """`[size, ...]`, part `i` for rank `i`, to the same shape, part `i` from rank `i`."""


_gather = getattr(dist, "all_gather_single", dist.all_gather_into_tensor)
"""Its newer name, where PyTorch has it; the older one warns there."""


class ProcessGroup:
    """A group of `torch.distributed`: NCCL between GPUs, gloo between processors.

    Raises whatever `torch.distributed` does when a process is gone or silent: the group is then of no more use.

    Args:
        ranks: numbers of the processes, of which this is one.
        timeout: how long to wait for another.
    """

    def __init__(self, ranks: Sequence[int], timeout: timedelta) -> None:
        self._group = dist.new_group(list(ranks), timeout)
        self.rank, self.size = ranks.index(dist.get_rank()), len(ranks)

    def all_gather(self, part: Tensor) -> Tensor:
        """See `Group`."""
        made = part.new_empty(self.size * part.shape[0], *part.shape[1:])
        _gather(made, part.contiguous(), self._group)
        return made.unflatten(0, (self.size, -1))

    def all_to_all(self, parts: Tensor) -> Tensor:
        """See `Group`."""
        made = torch.empty_like(parts, memory_format=torch.contiguous_format)
        dist.all_to_all_single(made, parts.contiguous(), group=self._group)
        return made


@contextmanager
def joined(membership: Membership, device: torch.device) -> Iterator[ProcessGroup]:
    """Meet the others of a group and be one of them within the block.

    Args:
        membership: this process's place.
        device: of this rank's transformer; tensors are exchanged from there.
    """
    # Ranks are processes of one machine: nothing is to listen elsewhere.
    os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = "lo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        store=dist.FileStore(  # type: ignore[attr-defined]
            str(membership.meeting), membership.size
        ),
        rank=membership.rank,
        world_size=membership.size,
        timeout=JOINING,
    )
    try:
        yield ProcessGroup(range(membership.size), SILENCE)
    finally:
        dist.destroy_process_group()
