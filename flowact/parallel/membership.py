"""A process's place in the group that shares a transformer, as plain values: a server needs no PyTorch to give it."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path


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


@dataclass(frozen=True)
class Lead:
    """The first rank's place: its membership, a pipe to each of the others, and one to the decoder's process."""

    membership: Membership
    followers: tuple[Connection, ...]
    decoder: Connection | None
