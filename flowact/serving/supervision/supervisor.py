"""Keeps a worker alive and its sessions with it: notices a crash or a hang, and goes on elsewhere.

A spare worker, already loaded, stands by where memory allows: after a crash it takes over in the
time that one chunk needs. Without it the viewer waits until a new worker has loaded the model.

Nothing is started in a tight loop. Workers that die in a row are replaced more and more slowly, then without their
sessions, and at last not at all; see `Restarts`. A spare that does not come up is given up, and the worker goes on
without one.

`Supervisor.renew` replaces a healthy worker on purpose, and moves its sessions without a cut.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from flowact.serving.messages import (
    Close,
    Command,
    Continuation,
    Create,
    Depart,
    Departed,
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
from flowact.serving.supervision.handover import Handover
from flowact.serving.supervision.reports import (
    Report,
    RestartKind,
    SessionsMoved,
    SnapshotTaken,
    WorkerRestarted,
    WorkerUnavailable,
)
from flowact.serving.supervision.restarts import Restarts
from flowact.serving.supervision.worker_process import WorkerProcess
from flowact.serving.worker import WorkerOptions

_log = logging.getLogger(__name__)

HANG_SECONDS: Final = 2.0
"""A worker that gives no sign of life for so long hangs, unless it usually is that slow."""
SLOW_FACTOR: Final = 6.0
HEALTHY_SECONDS: Final = 30.0
"""Whoever has worked for so long since it was loaded is healthy, and what was before is forgotten."""
LET_GO: Final = "The generator stopped several times; this session ends."
LOADING_SECONDS: Final = 180.0
_LOOK_EVERY: Final = 0.2


class Supervisor:
    """The one door to the worker.

    Args:
        options: how workers are to run.
        report: called with everything that concerns sessions, in a thread of the supervisor.
        spare: keep a second worker loaded.
        hang_seconds: patience with a worker that says nothing.
        healthy_seconds: how long a worker has to work until earlier deaths are forgotten.
    """

    def __init__(
        self,
        options: WorkerOptions,
        report: Callable[[Report], None],
        *,
        spare: bool = True,
        hang_seconds: float = HANG_SECONDS,
        healthy_seconds: float = HEALTHY_SECONDS,
    ) -> None:
        # Later ones start beside sessions, and would find a busy machine.
        self._options, self._report = replace(options, measure=False), report
        self._with_spare, self._hang_seconds = spare, hang_seconds
        self._healthy_seconds = healthy_seconds
        self._restarts, self._spare_restarts = Restarts(), Restarts()
        self._spare_due = 0.0
        self._sessions: dict[str, Create] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._spare: WorkerProcess | None = None
        self._spare_wanted = spare
        self._handover: Handover | None = None
        self._renewing = threading.Lock()
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
    def pids(self) -> dict[str, int]:
        """Process numbers of the present worker's processes, by name."""
        return self._worker.pids

    @property
    def busy(self) -> float:
        """Share of the last seconds in which the worker computed, 0 to 1, as it said last."""
        return self._worker.busy

    @property
    def spare_ready(self) -> bool:
        """Whether another worker stands by."""
        spare = self._spare
        return spare is not None and spare.alive and spare.ready is not None

    @property
    def settled(self) -> bool:
        """Whether the worker is loaded, and the spare where there is to be one."""
        return self.ready is not None and (self.spare_ready or not self._with_spare)

    def send(self, command: Command) -> None:
        """Pass a command on, keeping what a new worker would have to know of it."""
        with self._lock:
            self._remember(command)
            if self._handover is None or not self._handover.holds(command):
                self._worker.send(command)

    def depart(self, session: str) -> None:
        """Let the worker give a session away at its next chunk border; `Departed` is reported."""
        with self._lock:
            if self._handover is None or not self._handover.holds(Depart(session)):
                self._worker.send(Depart(session))

    def renew(self) -> bool:
        """Load a fresh worker, with the weights that are there now, and move all sessions to it.

        Blocks until that is done. False if no fresh worker could be loaded: then nothing has changed.
        """
        with self._renewing:
            fresh = self._fresh()
            if fresh is None:
                return False
            began = time.monotonic()
            with self._lock:
                old, self._worker, self._spare = self._worker, fresh, None
                self._with_spare = self._spare_wanted
                moving = tuple(self._sessions)
                handover = self._handover = Handover(old, fresh, moving)
            handover.wait()
            lost = self._end_handover(handover)
            old.stop()
            moved = len(moving) - len(lost)
            _log.info("worker %s has taken %d sessions over", fresh.pid, moved)
            self._report(SessionsMoved(moved, time.monotonic() - began))
            if lost:
                self._report(WorkerRestarted(lost, f"worker {old.pid} gave them up", "hang"))
            if fresh.ready is not None:
                self._report(fresh.ready)
            return True

    def close(self) -> None:
        """Stop watching and end all workers; nothing is left behind."""
        self._stopping.set()
        self._watcher.join()
        with self._lock:
            leaving = self._handover.old if self._handover is not None else None
            for worker in (self._worker, self._spare, leaving):
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
            if worker is self._spare and isinstance(event, Failed):
                self._give_up_spare(event.message)
            if not self._listens_to(worker):
                return  # a spare that is loaded, or the last words of one that was replaced
            if isinstance(event, Departed) and self._goes_on(event):
                return
            if isinstance(event, SessionError) and event.fatal:
                self._sessions.pop(event.session, None)
                if self._handover is not None:
                    self._handover.forget(event.session)
            taken = self._take_snapshot(event)
        if taken is not None:
            self._report(taken)
        if isinstance(event, MediaSegment) and event.snapshot is not None:
            event = replace(event, snapshot=None)  # or whoever keeps segments would keep it too
        if isinstance(event, Failed):
            self._give_up(event.message)
        elif not isinstance(event, Heartbeat):
            self._report(event)

    def _listens_to(self, worker: WorkerProcess) -> bool:
        leaving = self._handover.old if self._handover is not None else None
        return worker is self._worker or worker is leaving

    def _goes_on(self, departed: Departed) -> bool:
        """Let a session go on at the new worker; false if it is to leave this supervisor."""
        known = self._sessions.pop(departed.session, None)
        if known is None or self._handover is None:
            return False
        self._sessions[departed.session] = self._handover.arrived(departed, known)
        return True

    def _take_snapshot(self, event: Event) -> SnapshotTaken | None:
        """Remember where a session would go on after a crash, if an event says so."""
        if not isinstance(event, MediaSegment) or event.snapshot is None:
            return None
        known = self._sessions.get(event.session)
        if known is None:
            return None
        create = replace(known, resume=Continuation(event.snapshot))
        self._sessions[event.session] = create
        return SnapshotTaken(create, event.index + 1)

    def _fresh(self) -> WorkerProcess | None:
        """Load a worker in the place of the spare; `None` if it does not get ready."""
        with self._lock:
            if self._stopping.is_set() or self._worker.ready is None:
                return None
            if self._spare is not None:
                self._spare.kill()
            fresh = self._spare = WorkerProcess(self._options, self._receive)
        limit = time.monotonic() + LOADING_SECONDS
        while fresh.ready is None and fresh.alive and time.monotonic() < limit:
            if self._stopping.wait(_LOOK_EVERY):
                return None
        with self._lock:
            if fresh.ready is None or self._spare is not fresh:
                _log.error("no fresh worker could be loaded; worker %s goes on", self._worker.pid)
                return None
        return fresh

    def _end_handover(self, handover: Handover) -> tuple[str, ...]:
        """Let those who did not leave go on from their last snapshots; return their names."""
        with self._lock:
            if self._handover is not handover:
                return ()  # the new worker died meanwhile, and all sessions went on elsewhere
            lost = [self._sessions[name] for name in handover.left if name in self._sessions]
            for create in lost:
                handover.go_on(create)
            self._handover = None
            return tuple(create.session for create in lost)

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY):
            complaint = self._complaint()
            if complaint is not None:
                self._replace(*complaint)
            elif self._worker.ready:
                self._keep_well()

    def _keep_well(self) -> None:
        """Forgive what was before a healthy worker, and see to its spare."""
        if self._worker.healthy_for >= self._healthy_seconds:
            self._restarts.settled()
        if self._with_spare and self._handover is None:
            self._keep_spare()

    def _keep_spare(self) -> None:
        """Load a spare where there is none that lives."""
        spare = self._spare
        if spare is not None and spare.alive:
            if spare.healthy_for >= self._healthy_seconds:
                self._spare_restarts.settled()
            return
        if spare is not None:
            _log.warning("spare worker %s %s", spare.pid, spare.ending)
            spare.kill()
            self._spare = None
            self._spare_restarts.died()
            self._spare_due = time.monotonic() + self._spare_restarts.pause
        if self._spare_restarts.exhausted:
            self._give_up_spare(f"{self._spare_restarts.in_a_row} ended in a row")
        elif time.monotonic() >= self._spare_due:
            self._spare = WorkerProcess(self._options, self._receive)
            _log.info("a spare worker is loading")

    def _give_up(self, message: str) -> None:
        """Start no further worker."""
        _log.error("no worker can be started: %s", message)
        self._stopping.set()
        self._report(WorkerUnavailable(message))

    def _give_up_spare(self, message: str) -> None:
        _log.warning("there is no spare worker: %s", message)
        self._with_spare = False

    def _complaint(self) -> tuple[RestartKind, str] | None:
        """Say what is wrong with the worker, if anything."""
        worker = self._worker
        silent = time.monotonic() - worker.last_sign
        if not worker.alive:
            return "crash", f"worker {worker.pid} {worker.ending}"
        if worker.ready is None:
            if silent > LOADING_SECONDS:
                return "loading", f"worker {worker.pid} did not load the model"
            return None
        if silent > self._patience(worker.ready.longest_gap, tuple(worker.gaps)):
            return "hang", f"worker {worker.pid} hung for {silent:.1f} s"
        return None

    def _patience(self, longest_gap: float, gaps: tuple[float, ...]) -> float:
        """Return the silence to bear: a machine that is always slow does not hang.

        A worker begins a session while it is loaded, for before its first visitors nothing else shows how slow it is.
        """
        usual = sorted(gaps)[len(gaps) * 9 // 10] if gaps else 0.0
        # Or a busy machine's workers would be killed one after the other, and each load keep it busy.
        patience = self._hang_seconds * 2**self._restarts.in_a_row
        return max(patience, SLOW_FACTOR * usual, SLOW_FACTOR * longest_gap)

    def _replace(self, kind: RestartKind, reason: str) -> None:
        """Go on with the spare or a new worker, and give it all sessions."""
        self._worker.kill()
        with self._lock:
            if self._handover is not None:
                self._handover.old.kill()
                self._handover = None
        self._restarts.died()
        if self._restarts.exhausted:
            self._give_up(f"The generator stopped {self._restarts.in_a_row} times in a row.")
            return
        if self._stopping.wait(self._restarts.pause):
            return
        if self._restarts.sessions_suspected:
            self._let_sessions_go()
        spare, self._spare = self._spare, None
        if spare is not None and not spare.alive:
            spare.kill()
            spare = None
        fresh = spare or WorkerProcess(self._options, self._receive)
        with self._lock:
            self._worker = fresh
            sessions = tuple(self._sessions.values())
            for session in sessions:
                fresh.send(session)
        names = tuple(create.session for create in sessions)
        successor = "a new worker" if spare is None else f"spare worker {spare.pid}"
        _log.warning(
            "%s; %s takes over sessions: %s", reason, successor, ", ".join(names) or "none"
        )
        self._report(WorkerRestarted(names, reason, kind))
        if fresh.ready is not None:
            self._report(fresh.ready)

    def _let_sessions_go(self) -> None:
        """End all sessions: what they ask for may be what no worker survives."""
        with self._lock:
            names, self._sessions = tuple(self._sessions), {}
        for name in names:
            self._report(SessionError(name, LET_GO, fatal=True))
