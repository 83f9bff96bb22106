"""Workers that die again and again, as the supervisor sees them; none of them is a process here."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import ClassVar

import pytest

from flowact.serving.messages import (
    Close,
    Continuation,
    Create,
    Depart,
    Departed,
    Failed,
    Interrupt,
    PendingSound,
    Ready,
    Say,
    SessionError,
)
from flowact.serving.supervision import handover, restarts, supervisor, worker_process
from flowact.serving.supervision.reports import SessionsMoved, WorkerRestarted, WorkerUnavailable
from flowact.serving.supervision.restarts import MOST_IN_A_ROW, SUSPECTED, Restarts
from flowact.serving.supervision.supervisor import LET_GO, Supervisor
from flowact.serving.supervision.worker_process import WorkerProcess
from flowact.serving.worker import WorkerOptions

CREATE = Create("a", b"", 1, "idling", "jpeg")


class Mortal:
    """A worker that is loaded at once, and dies as its class says."""

    made: ClassVar[list["Mortal"]] = []
    lives: ClassVar[Callable[["Mortal"], bool]] = staticmethod(lambda worker: True)
    longest_gap: ClassVar[float] = 0.0

    def __init__(self, options, received) -> None:
        self.number = len(self.made)
        self.made.append(self)
        self.received, self.sent = received, []
        self.pid, self.gaps = self.number, ()
        self.ready = Ready("float32", 1, longest_gap=self.longest_gap)
        self.last_sign = self.began = time.monotonic()
        self.killed = False

    @property
    def alive(self) -> bool:
        return not self.killed and self.lives(self)

    @property
    def healthy_for(self) -> float:
        return time.monotonic() - self.began

    ending = "died"

    def send(self, command) -> None:
        self.sent.append(command)

    def kill(self) -> None:
        self.killed = True

    stop = kill


@pytest.fixture
def supervised(monkeypatch, request):
    """Start a supervisor of such workers."""
    monkeypatch.setattr(supervisor, "WorkerProcess", Mortal)
    monkeypatch.setattr(supervisor, "_LOOK_EVERY", 0.001)
    monkeypatch.setattr(restarts, "FIRST_PAUSE", 0.002)
    monkeypatch.setattr(Mortal, "made", [])

    def start(lives, *, spare=False, **options):
        monkeypatch.setattr(Mortal, "lives", staticmethod(lives))
        events: list = []
        made = Supervisor(WorkerOptions(), events.append, spare=spare, **options)
        request.addfinalizer(made.close)
        made.send(CREATE)
        return made, events

    return start


def wait_for(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.002)


def of(kind: type, events: list) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_pauses_grow_and_come_to_an_end() -> None:
    row = Restarts()
    pauses = []
    while not row.exhausted:
        row.died()
        pauses.append(row.pause)
    assert pauses == [0, 0.5, 1, 2, 4, 8]
    row.settled()
    assert row.pause == 0
    assert not row.exhausted


@pytest.mark.parametrize("longest_gap", [0.0, 60.0])
def test_a_worker_that_was_slow_when_it_was_loaded_may_be_silent_for_longer(
    supervised, monkeypatch, longest_gap: float
) -> None:
    monkeypatch.setattr(Mortal, "longest_gap", longest_gap)
    _, events = supervised(lambda worker: True, hang_seconds=0.02)
    if longest_gap:
        time.sleep(0.3)
        assert len(Mortal.made) == 1
    else:
        wait_for(lambda: [event.kind for event in of(WorkerRestarted, events)][:1] == ["hang"])


def test_workers_that_all_die_are_not_started_for_ever(supervised) -> None:
    made, events = supervised(lambda worker: False)
    wait_for(lambda: of(WorkerUnavailable, events))
    made.close()
    assert len(Mortal.made) == MOST_IN_A_ROW
    assert all(worker.killed for worker in Mortal.made)
    (end,) = of(WorkerUnavailable, events)
    assert end.message == f"The generator stopped {MOST_IN_A_ROW} times in a row."


def test_a_session_that_no_worker_survives_ends_and_the_service_goes_on(supervised) -> None:
    _, events = supervised(lambda worker: CREATE not in worker.sent)
    wait_for(lambda: of(SessionError, events))
    assert of(SessionError, events) == [SessionError("a", LET_GO, fatal=True)]
    wait_for(lambda: len(of(WorkerRestarted, events)) == SUSPECTED)
    assert [event.sessions for event in of(WorkerRestarted, events)] == [("a",), ("a",), ()]
    assert Mortal.made[-1].alive
    assert not of(WorkerUnavailable, events)


def test_a_worker_that_was_healthy_is_forgiven(supervised) -> None:
    """One death after the other, with health in between, is no row."""
    _, events = supervised(lambda worker: worker.healthy_for < 0.03, healthy_seconds=0.005)
    wait_for(lambda: len(Mortal.made) > MOST_IN_A_ROW + 1)
    assert not of(WorkerUnavailable, events)
    assert not of(SessionError, events)


def test_a_system_that_starts_no_process_is_asked_again(monkeypatch) -> None:
    def refuse(*_, **__) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(worker_process, "start", refuse)
    worker = WorkerProcess(WorkerOptions(), lambda *_: None)
    wait_for(lambda: not worker.alive)
    worker.send(CREATE)
    worker.kill()
    assert worker.pid is None
    assert worker.ending.startswith("could not be started: [Errno 11] Resource temporarily")


def test_spares_that_die_are_given_up_and_the_worker_goes_on(supervised) -> None:
    made, events = supervised(lambda worker: worker.number == 0, spare=True)
    wait_for(lambda: made.settled)
    assert len(Mortal.made) == 1 + MOST_IN_A_ROW
    assert not made.spare_ready
    assert not of(WorkerRestarted, events)


def test_a_spare_that_finds_no_room_is_given_up_at_once(supervised) -> None:
    made, events = supervised(lambda worker: True, spare=True)
    wait_for(lambda: len(Mortal.made) == 2)
    spare = Mortal.made[1]
    spare.received(spare, Failed("The memory is full."))
    spare.kill()
    wait_for(lambda: not made.spare_ready)
    for _ in itertools.repeat(None, 20):
        time.sleep(0.002)
    assert made.settled
    assert len(Mortal.made) == 2
    assert not of(WorkerUnavailable, events)


def test_patience_grows_with_every_death(supervised) -> None:
    """Or the workers of a busy machine would be killed one after the other."""
    _, events = supervised(lambda worker: True, hang_seconds=0.05)
    wait_for(lambda: len(of(WorkerRestarted, events)) == 3)
    hung = [float(e.reason.split()[-2]) for e in of(WorkerRestarted, events)]
    assert hung[2] >= 4 * 0.05


def moving(made: Supervisor) -> tuple[Mortal, Mortal, threading.Thread]:
    """Begin a renewal; return the old worker, the new one, and whoever waits for the end of it."""
    (old,) = Mortal.made
    thread = threading.Thread(target=made.renew)
    thread.start()
    wait_for(lambda: made._handover)
    return old, made._handover.new, thread


def test_what_is_asked_of_a_session_on_its_way_waits_for_it(supervised) -> None:
    made, events = supervised(lambda worker: True)
    old, new, renewal = moving(made)
    assert old.sent[-1] == Depart("a")
    said, other = Say("a", 3, b"12", final=True), Create("b", b"", 1, "idling", "jpeg")
    made.send(said)
    made.send(other)
    assert new.sent == [other], "who comes meanwhile begins at the new worker"
    resume = Continuation(b"state", PendingSound("reply", b"34"), due=9.0)
    old.received(old, Departed("a", 2, "nodding", resume))
    renewal.join(20)
    went_on = new.sent[1]
    assert (went_on.epoch, went_on.action, went_on.resume) == (2, "nodding", resume)
    assert new.sent[2] == said and old.killed
    (moved,) = of(SessionsMoved, events)
    assert moved.sessions == 1 and not of(WorkerRestarted, events)
    new.killed = True
    wait_for(lambda: of(WorkerRestarted, events))
    after = next(sent for sent in Mortal.made[-1].sent if sent.session == "a")
    assert after.resume == Continuation(b"state") and after.epoch == 3, (
        "whoever feeds it does so again"
    )


def test_a_session_that_ends_on_its_way_is_gone(supervised) -> None:
    made, _ = supervised(lambda worker: True)
    old, new, renewal = moving(made)
    made.send(Close("a"))
    renewal.join(20)
    assert old.sent[-1] == Close("a") and new.sent == []


def test_who_does_not_leave_goes_on_from_the_last_snapshot(supervised, monkeypatch) -> None:
    monkeypatch.setattr(handover, "MOVE_SECONDS", 0.0)
    made, events = supervised(lambda worker: True)
    made.send(Interrupt("a", 7))
    assert made.renew()
    (restarted,) = of(WorkerRestarted, events)
    assert (restarted.sessions, restarted.kind) == (("a",), "hang")
    assert Mortal.made[-1].sent[0].epoch == 7


def test_when_both_workers_die_sessions_go_on_elsewhere(supervised) -> None:
    made, events = supervised(lambda worker: True)
    old, new, renewal = moving(made)
    new.killed = True
    renewal.join(20)
    wait_for(lambda: of(WorkerRestarted, events))
    assert old.killed and made.pid not in (old.pid, new.pid)
    assert [sent.session for sent in Mortal.made[-1].sent] == ["a"]
