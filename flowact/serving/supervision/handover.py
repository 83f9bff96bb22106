"""Sessions on their way from one worker to another, at their own chunk borders, without a cut."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from flowact.serving.messages import Close, Command, Continuation, Create, Depart, Departed
from flowact.serving.supervision.worker_process import WorkerProcess

MOVE_SECONDS: Final = 5.0
"""A session that has not left a worker by then goes on from its last snapshot."""
_LOOK_EVERY: Final = 0.1


class Handover:
    """One worker that is being emptied into another.

    A session's commands wait while it is on its way: half a second at most. Whoever calls holds the
    supervisor's lock, except for `wait`.

    Args:
        old: gives its sessions away.
        new: takes them.
        sessions: names of those that are to move.
    """

    def __init__(self, old: WorkerProcess, new: WorkerProcess, sessions: Iterable[str]) -> None:
        self.old, self.new = old, new
        self._waiting: dict[str, list[Command]] = {name: [] for name in sessions}
        self._over = threading.Event()
        for name in self._waiting:
            old.send(Depart(name))
        self._look()

    @property
    def left(self) -> tuple[str, ...]:
        """Names of those that have not moved yet."""
        return tuple(self._waiting)

    def wait(self) -> None:
        """Wait until all have moved, the old worker is dead, or it takes too long."""
        limit = time.monotonic() + MOVE_SECONDS
        while not self._over.wait(_LOOK_EVERY) and self.old.alive and time.monotonic() < limit:
            pass

    def holds(self, command: Command) -> bool:
        """Keep a command for a session that is on its way; false if it is for another one."""
        name = getattr(command, "session", "")
        if name not in self._waiting:
            return False
        if isinstance(command, Close):
            self.forget(name)
            self.old.send(command)
        else:
            self._waiting[name].append(command)
        return True

    def arrived(self, departed: Departed, known: Create) -> Create:
        """Let the new worker go on with a session, and tell it what was asked meanwhile.

        Returns what a further worker would have to be told.
        """
        resume = departed.resume
        self.go_on(replace(known, epoch=departed.epoch, action=departed.action, resume=resume))
        return replace(known, resume=Continuation(resume.snapshot))

    def go_on(self, create: Create) -> None:
        """Begin a session at the new worker, and pass on the commands that wait for it."""
        self.new.send(create)
        for command in self.forget(create.session):
            self.new.send(command)

    def forget(self, name: str) -> list[Command]:
        """Take a session out, moved or not, and return the commands that wait for it."""
        commands = self._waiting.pop(name, [])
        self._look()
        return commands

    def _look(self) -> None:
        if not self._waiting:
            self._over.set()
