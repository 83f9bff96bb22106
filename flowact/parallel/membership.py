"""A process as a member of the group that shares a transformer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import torch
import torch.distributed as dist

from flowact.parallel.group import ProcessGroup

SILENCE: Final = timedelta(seconds=10)
"""How long a rank waits for another within a step. What hangs longer is restarted as a whole."""
JOINING: Final = timedelta(seconds=180)
"""How long ranks wait for each other while they load."""


@dataclass(frozen=True)
class Membership:
    """A process's place in a group.

    Attributes:
        rank: its number.
        size: how many ranks there are.
        meeting: a file in a private folder through which the ranks find each other. A store behind a
            socket would listen on every interface.
    """

    rank: int
    size: int
    meeting: Path

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[ProcessGroup]:
        """Meet the others and be one of them within the block.

        Args:
            device: of this rank's transformer; tensors are exchanged from there.
        """
        # Ranks are processes of one machine: nothing is to listen elsewhere.
        os.environ["GLOO_SOCKET_IFNAME"] = os.environ["NCCL_SOCKET_IFNAME"] = "lo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=dist.FileStore(  # type: ignore[attr-defined]
                str(self.meeting), self.size
            ),
            rank=self.rank,
            world_size=self.size,
            timeout=JOINING,
        )
        try:
            yield ProcessGroup(range(self.size), SILENCE)
        finally:
            dist.destroy_process_group()


@dataclass(frozen=True)
class Lead:
    """The first rank's place: its membership, a pipe to each of the others, and one to the decoder's process."""

    membership: Membership
    followers: tuple[Connection, ...]
    decoder: Connection | None
