"""One worker process as the server sees it: queues on both sides of the pipe, life signs, an end.

Nothing here blocks the caller: a thread writes commands, another reads events.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

from flowact.parallel.companions import Companions, how_ended
from flowact.parallel.launch import PRELOADED, Started, start
from flowact.serving.messages import Command, Event, Heartbeat, Ready, Shutdown
from flowact.serving.worker import WorkerOptions, decode_worker, follow_worker, serve

_log = logging.getLogger(__name__)

MOST_COMMANDS: Final = 2_000
"""Commands that may wait for a worker; more only pile up when it hangs."""
STOP_SECONDS: Final = 2.0
LAUNCHING_SECONDS: Final = 180.0
"""How long an end waits for a start that is still under way."""
ENDING_SECONDS: Final = 0.2
GAPS: Final = 100


class WorkerProcess:
    """A worker: a process, or a leader and the ranks that share its transformer.

    The first start of all takes as long as its imports, so it happens in a thread as well.

    Attributes:
        ready: what it said when it was ready, `None` before.
        ready_since: when that was; when it was started, before.
        last_sign: when it last gave a sign of life, in seconds of `time.monotonic()`.
        gaps: seconds between its last signs of life, since it was ready.
        busy: share of the last seconds in which it computed, 0 to 1, as it said last.
        broken: it could not be started, a command could not be delivered, or the pipe is closed.

    Args:
        options: how it is to run.
        received: called with this object and every event, in a thread of this object.
    """

    def __init__(
        self, options: WorkerOptions, received: Callable[[WorkerProcess, Event], None]
    ) -> None:
        self._received = received
        self._commands: queue.Queue[Command] = queue.Queue(MOST_COMMANDS)
        self.ready: Ready | None = None
        self.ready_since = self.last_sign = time.monotonic()
        self.gaps: deque[float] = deque(maxlen=GAPS)
        self.busy, self.broken = 0.0, False
        self._launched, self._problem = threading.Event(), ""
        self._companions: Companions | None = None
        self._started: Started | None = None
        threading.Thread(
            target=self._run, args=(options,), name="flowact-worker-events", daemon=True
        ).start()

    def _run(self, options: WorkerOptions) -> None:
        """Start the processes, then read what the first one says."""
        try:
            self._launch(options)
        except (OSError, EOFError) as error:  # no more processes, files or memory
            self.broken, self._problem = True, str(error) or type(error).__name__
        self._launched.set()
        if self._started is not None:
            writer = (self._started.pipe,)
            threading.Thread(
                target=self._write, args=writer, name="flowact-worker-commands", daemon=True
            ).start()
            self._read(self._started.pipe)

    def _launch(self, options: WorkerOptions) -> None:
        self._companions = Companions(options.ranks, options.decoder_apart)
        self._companions.start(follow_worker, decode_worker, options)
        self._started = start(
            serve,
            options,
            self._companions.lead,
            name="flowact-worker",
            preloaded=() if options.loopback else PRELOADED,
        )
        self._companions.handed_over()

    @property
    def pid(self) -> int | None:
        """Process number; `None` while there is no process."""
        return self._started.process.pid if self._started else None

    @property
    def pids(self) -> dict[str, int]:
        """Process numbers of the worker's processes by name; the first is `worker`."""
        others = self._companions.pids if self._companions else {}
        return {"worker": self.pid, **others} if self.pid else others

    @property
    def alive(self) -> bool:
        """Whether the process and all of its ranks run, or are being started, and it can be talked to."""
        return not self.broken and not self._codes

    @property
    def _codes(self) -> dict[str, int]:
        """Exit codes of those processes that have ended, by name."""
        codes = self._companions.ended if self._companions else {}
        if self._started and self._started.process.exitcode is not None:
            codes["worker"] = self._started.process.exitcode
        return codes

    @property
    def healthy_for(self) -> float:
        """Seconds since it was ready; 0 while it is not."""
        return time.monotonic() - self.ready_since if self.ready else 0.0

    @property
    def ending(self) -> str:
        """How the process ended, in words; of several, the one that took the others along."""
        if self._problem:
            return f"could not be started: {self._problem}"
        if self._started:
            self._started.process.join(ENDING_SECONDS)  # its pipe closes a moment before it is gone
        codes = self._codes
        if not codes:
            return "closed its pipe"
        # Killed rather than crashed, crashed rather than ended because the other end of its pipe is gone.
        name = min(codes, key=lambda one: (codes[one] >= 0, codes[one] == 0))
        ended = how_ended(codes[name])
        return ended if name == "worker" else f"lost its {name}, which {ended}"

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
        if self._started and self.alive and self.ready:
            self._started.process.join(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process at once and wait for its end."""
        self.broken = True
        self._launched.wait(LAUNCHING_SECONDS)
        if self._started is not None:
            self._started.process.kill()
        if self._companions is not None:
            self._companions.kill()
        if self._started is not None:
            self._started.process.join()
            self._started.pipe.close()
        self._wake_writer()

    def _wake_writer(self) -> None:
        """Let the thread that waits for commands see that there is nobody to send them to."""
        with suppress(queue.Full):  # then it has enough to wake from
            self._commands.put_nowait(Shutdown())

    def _read(self, pipe: Connection) -> None:
        try:
            while not self.broken:
                event = pipe.recv()
                now = time.monotonic()
                if self.ready is not None:
                    self.gaps.append(now - self.last_sign)
                self.last_sign = now
                if isinstance(event, Ready):
                    self.ready, self.ready_since = event, now
                elif isinstance(event, Heartbeat):
                    self.busy = event.busy
                self._received(self, event)
        except (EOFError, OSError):  # the supervisor sees it and says why
            self.broken = True

    def _write(self, pipe: Connection) -> None:
        try:
            while not self.broken:
                command = self._commands.get()
                pipe.send(command)
                if isinstance(command, Shutdown):
                    return
        except OSError:  # as above
            self.broken = True
