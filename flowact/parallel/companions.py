"""The processes that a worker's leader has beside it: started with it, watched with it, ended with it."""

from __future__ import annotations

import multiprocessing
import shutil
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from flowact.parallel.membership import Lead, Membership


class Companions:
    """All ranks of a group but the first, and the decoder's process if it has one.

    Args:
        follow: what a rank runs: called with its pipe to the leader, its membership and the options.
        decode: what the decoder's process runs: called with its pipe and the options.
        options: passed on.
        ranks: ranks of the group.
        decoder_apart: whether the decoder has a process of its own.

    Attributes:
        lead: the first rank's place in the group, if there is one.
    """

    def __init__(
        self,
        follow: Callable[..., None],
        decode: Callable[..., None],
        options: Any,
        ranks: int,
        decoder_apart: bool,
    ) -> None:
        self.lead: Lead | None = None
        self._pipes: list[Connection] = []
        self._processes: list[SpawnProcess] = []
        if ranks == 1 and not decoder_apart:
            return
        self._folder = Path(tempfile.mkdtemp(prefix="flowact-group-"))
        meeting = self._folder / "meeting"
        for rank in range(1, ranks):
            self._start(follow, Membership(rank, ranks, meeting), options)
        followers = tuple(self._pipes)
        decoder = self._start(decode, options) if decoder_apart else None
        self.lead = Lead(Membership(0, ranks, meeting), followers, decoder)

    def _start(self, target: Callable[..., None], *arguments: Any) -> Connection:
        """Start a process with its end of a pipe, and return the leader's end."""
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(
            target=target, args=(theirs, *arguments), name="flowact-rank", daemon=True
        )
        process.start()
        theirs.close()
        self._pipes.append(ours)
        self._processes.append(process)
        return ours

    @property
    def pids(self) -> list[int | None]:
        """Process numbers, by rank."""
        return [process.pid for process in self._processes]

    def handed_over(self) -> None:
        """Close our ends of the pipes once the leader has them, so that it notices an end."""
        for pipe in self._pipes:
            pipe.close()

    @property
    def ended(self) -> str | None:
        """Which rank has ended and how, if one has."""
        for rank, process in enumerate(self._processes, 1):
            if process.exitcode is not None:
                return f"lost rank {rank}, which {how_ended(process.exitcode)}"
        return None

    def kill(self) -> None:
        """End them all at once and wait for it."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
        if self.lead is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def how_ended(code: int) -> str:
    """An exit code of `multiprocessing` in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
