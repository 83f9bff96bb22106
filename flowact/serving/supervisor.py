"""Keeps a worker alive and its sessions with it: notices a crash or a hang, and goes on elsewhere.

A spare worker, already loaded, stands by where memory allows: after a crash it takes over in the
time that one chunk needs. Without it the viewer waits until a new worker has loaded the model.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from flowact.serving.messages import (
    Close,
    Command,
    Create,
    Event,
    Failed,
    Heartbeat,
    Interrupt,
    MediaSegment,
    Puppet,
    Ready,
    Say,
    SessionError,
    SetAction,
)
from flowact.serving.worker import WorkerOptions
from flowact.serving.worker_process import WorkerProcess

_log = logging.getLogger(__name__)

HANG_SECONDS: Final = 2.0
"""A worker that gives no sign of life for so long hangs, unless it usually is that slow."""
SLOW_FACTOR: Final = 6.0
LOADING_SECONDS: Final = 180.0
_LOOK_EVERY: Final = 0.2


@dataclass(frozen=True)
class WorkerRestarted:
    """The worker was replaced; `sessions` go on from their last snapshots, silent."""

    sessions: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class WorkerUnavailable:
    """No worker can be started; `message` says why in one sentence."""

    message: str


Report = MediaSegment | SessionError | WorkerRestarted | Ready | WorkerUnavailable


class Supervisor:
    """The one door to the worker.

    Args:
        options: how workers are to run.
        report: called with everything that concerns sessions, in a thread of the supervisor.
        spare: keep a second worker loaded.
        hang_seconds: patience with a worker that says nothing.
    """

    def __init__(
        self,
        options: WorkerOptions,
        report: Callable[[Report], None],
        *,
        spare: bool = True,
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        self._options, self._report = options, report
        self._with_spare, self._hang_seconds = spare, hang_seconds
        self._sessions: dict[str, Create] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._spare: WorkerProcess | None = None
        self._worker = WorkerProcess(options, self._receive)
        self._watcher = threading.Thread(target=self._watch, name="flowact-watch", daemon=True)
        self._watcher.start()

    @property
    def ready(self) -> Ready | None:
        """What the present worker said when it was loaded; `None` while it is not."""
        return self._worker.ready

    @property
    def pid(self) -> int | None:
        """Process number of the present worker."""
        return self._worker.pid

    @property
    def spare_ready(self) -> bool:
        """Whether another worker stands by."""
        spare = self._spare
        return spare is not None and spare.alive and spare.ready is not None

    def send(self, command: Command) -> None:
        """Pass a command on, keeping what a new worker would have to know of it."""
        with self._lock:
            self._remember(command)
            self._worker.send(command)

    def close(self) -> None:
        """Stop watching and end all workers; nothing is left behind."""
        self._stopping.set()
        self._watcher.join()
        with self._lock:
            for worker in (self._worker, self._spare):
                if worker is not None:
                    worker.stop()

    def _remember(self, command: Command) -> None:
        if isinstance(command, Create):
            self._sessions[command.session] = command
        elif isinstance(command, Close):
            self._sessions.pop(command.session, None)
        elif isinstance(command, Say | Puppet | Interrupt | SetAction):
            known = self._sessions.get(command.session)
            if known is not None:
                change = (
                    {"action": command.phrase}
                    if isinstance(command, SetAction)
                    else {"epoch": command.epoch}
                )
                self._sessions[command.session] = replace(known, **change)

    def _receive(self, worker: WorkerProcess, event: Event) -> None:
        with self._lock:
            if worker is not self._worker:
                return  # a spare that is loaded, or the last words of one that was replaced
            if isinstance(event, MediaSegment) and event.snapshot is not None:
                known = self._sessions.get(event.session)
                if known is not None:
                    self._sessions[event.session] = replace(known, snapshot=event.snapshot)
                event = replace(event, snapshot=None)  # or whoever keeps segments would keep it too
            if isinstance(event, SessionError) and event.fatal:
                self._sessions.pop(event.session, None)
        if isinstance(event, Failed):
            _log.error("no worker can be started: %s", event.message)
            self._stopping.set()
            self._report(WorkerUnavailable(event.message))
        elif not isinstance(event, Heartbeat):
            self._report(event)

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY):
            reason = self._complaint()
            if reason is not None:
                self._replace(reason)
            elif self._with_spare and self._worker.ready:
                self._keep_spare()

    def _keep_spare(self) -> None:
        """Load a spare where there is none that lives."""
        if self._spare is not None and self._spare.alive:
            return
        if self._spare is not None:
            _log.warning("spare worker %s %s", self._spare.pid, self._spare.ending)
            self._spare.kill()
        self._spare = WorkerProcess(self._options, self._receive)
        _log.info("spare worker %s is loading", self._spare.pid)

    def _complaint(self) -> str | None:
        """Say what is wrong with the worker, if anything."""
        worker = self._worker
        silent = time.monotonic() - worker.last_sign
        if not worker.alive:
            return f"worker {worker.pid} {worker.ending}"
        if worker.ready is None:
            return (
                f"worker {worker.pid} did not load the model" if silent > LOADING_SECONDS else None
            )
        patience = self._patience(tuple(worker.gaps))
        return f"worker {worker.pid} hung for {silent:.1f} s" if silent > patience else None

    def _patience(self, gaps: tuple[float, ...]) -> float:
        """Return the silence to bear: a machine that is always slow does not hang."""
        usual = sorted(gaps)[len(gaps) * 9 // 10] if gaps else 0.0
        return max(self._hang_seconds, SLOW_FACTOR * usual)

    def _replace(self, reason: str) -> None:
        """Go on with the spare or a new worker, and give it all sessions."""
        with self._lock:
            self._worker.kill()
            spare, self._spare = self._spare, None
            if spare is not None and not spare.alive:
                spare.kill()
                spare = None
            if spare is None:
                spare = WorkerProcess(self._options, self._receive)
            self._worker = spare
            sessions = tuple(self._sessions.values())
            for session in sessions:
                spare.send(session)
        names = tuple(create.session for create in sessions)
        _log.warning(
            "%s; worker %s takes over sessions: %s", reason, spare.pid, ", ".join(names) or "none"
        )
        self._report(WorkerRestarted(names, reason))
        if spare.ready is not None:
            self._report(spare.ready)
