"""One worker process as the server sees it: queues on both sides of the pipe, life signs, an end.

Nothing here blocks the caller: a thread writes commands, another reads events.
"""

from __future__ import annotations

import logging
import multiprocessing
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from flowact.parallel.companions import Companions, how_ended
from flowact.serving.messages import Command, Event, Ready, Shutdown
from flowact.serving.worker import WorkerOptions, decode_worker, follow_worker, serve

_log = logging.getLogger(__name__)

MOST_COMMANDS: Final = 2_000
"""Commands that may wait for a worker; more only pile up when it hangs."""
STOP_SECONDS: Final = 2.0
ENDING_SECONDS: Final = 0.2
GAPS: Final = 100


class WorkerProcess:
    """A spawned worker: a process, or a leader and the ranks that share its transformer.

    Attributes:
        ready: what it said when it was ready, `None` before.
        last_sign: when it last gave a sign of life, in seconds of `time.monotonic()`.
        gaps: seconds between its last signs of life, since it was ready.
        broken: a command could not be delivered, or the pipe is closed.

    Args:
        options: how it is to run.
        received: called with this object and every event, in a thread of this object.
    """

    def __init__(
        self, options: WorkerOptions, received: Callable[[WorkerProcess, Event], None]
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._companions = Companions(
            follow_worker, decode_worker, options, options.ranks, options.decoder_apart
        )
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=serve,
            args=(theirs, options, self._companions.lead),
            name="flowact-worker",
            daemon=True,
        )
        self._received = received
        self._commands: queue.Queue[Command] = queue.Queue(MOST_COMMANDS)
        self.ready: Ready | None = None
        self.started = self.last_sign = time.monotonic()
        self.gaps: deque[float] = deque(maxlen=GAPS)
        self.broken = False
        self._process.start()
        theirs.close()
        self._companions.handed_over()
        for target in (self._read, self._write):
            threading.Thread(target=target, name=f"flowact{target.__name__}", daemon=True).start()

    @property
    def pid(self) -> int | None:
        """Process number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process and all of its ranks run, and it can be talked to."""
        whole = self._process.is_alive() and self._companions.ended is None
        return not self.broken and whole

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        self._process.join(ENDING_SECONDS)  # its pipe closes a moment before it is gone
        lost, code = self._companions.ended, self._process.exitcode
        if lost is not None:
            return lost
        if code is None:
            return "closed its pipe"
        return how_ended(code)

    def send(self, command: Command) -> None:
        """Queue a command; when too many wait, the worker is taken for broken."""
        try:
            self._commands.put_nowait(command)
        except queue.Full:
            self.broken = True
            _log.warning("worker %s takes no commands: %d wait", self.pid, MOST_COMMANDS)

    def stop(self) -> None:
        """End the process: politely, then by force; returns when it is gone."""
        self.send(Shutdown())
        self._process.join(STOP_SECONDS if self.alive and self.ready else 0)
        self.kill()

    def kill(self) -> None:
        """End the process at once and wait for its end."""
        self.broken = True
        self._process.kill()
        self._companions.kill()
        self._process.join()
        self._connection.close()
        self._wake_writer()

    def _wake_writer(self) -> None:
        """Let the thread that waits for commands see that there is nobody to send them to."""
        with suppress(queue.Full):  # then it has enough to wake from
            self._commands.put_nowait(Shutdown())

    def _read(self) -> None:
        try:
            while not self.broken:
                event = self._connection.recv()
                now = time.monotonic()
                if self.ready is not None:
                    self.gaps.append(now - self.last_sign)
                self.last_sign = now
                if isinstance(event, Ready):
                    self.ready = event
                self._received(self, event)
        except (EOFError, OSError):  # the supervisor sees it and says why
            self.broken = True

    def _write(self) -> None:
        try:
            while not self.broken:
                command = self._commands.get()
                self._connection.send(command)
                if isinstance(command, Shutdown):
                    return
        except OSError:  # as above
            self.broken = True
