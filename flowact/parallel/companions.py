"""The processes that a worker's leader has beside it: started with it, watched with it, ended with it."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from flowact.parallel.launch import start
from flowact.parallel.membership import Lead, Membership


class Companions:
    """All ranks of a group but the first, and the decoder's process if it has one.

    Args:
        ranks: ranks of the group.
        decoder_apart: whether the decoder has a process of its own.

    Attributes:
        lead: the first rank's place in the group, if there is one; known when they are started.
    """

    def __init__(self, ranks: int, decoder_apart: bool) -> None:
        self._ranks, self._decoder_apart = ranks, decoder_apart
        self.lead: Lead | None = None
        self._pipes: list[Connection] = []
        self._processes: dict[str, BaseProcess] = {}
        self._folder: Path | None = None

    def start(self, follow: Callable[..., None], decode: Callable[..., None], options: Any) -> None:
        """Start them.

        Args:
            follow: what a rank runs: called with its pipe to the leader, the options and its membership.
            decode: what the decoder's process runs: called with its pipe and the options.
            options: passed on.
        """
        if self._ranks == 1 and not self._decoder_apart:
            return
        self._folder = Path(tempfile.mkdtemp(prefix="flowact-group-"))
        members = [Membership(n, self._ranks, self._folder / "meeting") for n in range(self._ranks)]
        for member in members[1:]:
            self._start(f"rank {member.rank}", follow, options, member)
        followers = tuple(self._pipes)
        decoder = self._start("decoder", decode, options) if self._decoder_apart else None
        self.lead = Lead(members[0], followers, decoder)

    def _start(self, name: str, target: Callable[..., None], *arguments: Any) -> Connection:
        """Start a process and return the leader's end of its pipe."""
        started = start(target, *arguments, name=f"flowact-{name}")
        self._pipes.append(started.pipe)
        self._processes[name] = started.process
        return started.pipe

    @property
    def pids(self) -> dict[str, int]:
        """Process numbers by name: `rank 1` and so on, `decoder`."""
        return {name: process.pid for name, process in self._processes.items() if process.pid}

    def handed_over(self) -> None:
        """Close our ends of the pipes once the leader has them, so that it notices an end."""
        for pipe in self._pipes:
            pipe.close()

    @property
    def ended(self) -> dict[str, int]:
        """Exit codes of those that have ended, by name."""
        codes = {name: process.exitcode for name, process in self._processes.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def kill(self) -> None:
        """End them all at once and wait for it."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.join()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def how_ended(code: int) -> str:
    """An exit code of `multiprocessing` in words."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
