"""A real worker process, killed and stopped for real."""

import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable

import pytest

from flowact.bench.restart import measure_restarts
from flowact.serving.messages import Create, MediaSegment, Ready
from flowact.serving.supervision.reports import SessionsMoved, WorkerRestarted, WorkerUnavailable
from flowact.serving.supervision.supervisor import Supervisor
from flowact.serving.worker import WorkerOptions
from tests.tiny_assets import picture
from tests.tiny_pipeline import tiny_pipeline

PATIENCE = 120


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    tiny_pipeline().save_pretrained(folder)
    return folder


def wait_for(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def count(events: list, kind: type) -> int:
    return sum(isinstance(event, kind) for event in events)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_sessions_survive_a_killed_and_a_hanging_worker_and_nothing_is_left(
    checkpoint, request, caplog
):
    events: list = []
    options = WorkerOptions(checkpoint, threads=1)
    supervisor = Supervisor(options, events.append, spare=False)
    request.addfinalizer(supervisor.close)
    supervisor.send(Create("a", picture().tobytes(), 1, "idling", "jpeg"))
    wait_for(lambda: count(events, MediaSegment) >= 6)
    pids = [supervisor.pid]
    for blow in (signal.SIGKILL, signal.SIGSTOP):
        restarts = count(events, WorkerRestarted)
        os.kill(supervisor.pid, blow)
        wait_for(lambda seen=restarts: count(events, WorkerRestarted) > seen)
        shown = len(events)
        wait_for(lambda seen=shown: count(events[seen:], MediaSegment))
        pids.append(supervisor.pid)
    segments = [event for event in events if isinstance(event, MediaSegment)]
    assert all(segment.index for segment in segments[1:]), "a session began again from nothing"
    assert not any(segment.snapshot for segment in segments), (
        "a listener that keeps pieces would keep it"
    )
    assert count(events, Ready) == 3
    reasons = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    killed, hung = (reason for reason in reasons if "takes over" in reason)
    assert killed == f"worker {pids[0]} was killed by SIGKILL; a new worker takes over sessions: a"
    assert hung.startswith(f"worker {pids[1]} hung for ")
    supervisor.close()
    assert not any(is_running(pid) for pid in pids)


def test_a_fresh_worker_takes_every_session_over_without_a_cut(request, tmp_path):
    tiny_pipeline().save_pretrained(tmp_path)
    events: list = []
    supervisor = Supervisor(WorkerOptions(tmp_path, threads=1), events.append, spare=False)
    request.addfinalizer(supervisor.close)
    for name in ("a", "b"):
        supervisor.send(Create(name, picture().tobytes(), 1, "idling", "jpeg"))

    def both_shown(since: int) -> bool:
        return {e.session for e in events[since:] if isinstance(e, MediaSegment)} == {"a", "b"}

    wait_for(lambda: both_shown(0))
    old = supervisor.pid
    assert supervisor.renew()
    assert supervisor.pid != old and not is_running(old)
    shown = len(events)
    wait_for(lambda: both_shown(shown))
    (moved,) = (event for event in events if isinstance(event, SessionsMoved))
    assert moved.sessions == 2 and not count(events, WorkerRestarted)

    (tmp_path / "model_index.json").unlink()
    fresh = supervisor.pid
    assert not supervisor.renew(), "what cannot be loaded leaves the worker alone"
    shown = len(events)
    wait_for(lambda: both_shown(shown))
    assert supervisor.pid == fresh
    for name in ("a", "b"):
        found = [e.index for e in events if isinstance(e, MediaSegment) and e.session == name]
        assert found == list(range(len(found))), "nothing was shown twice and nothing left out"


def test_a_group_goes_on_whichever_of_its_processes_is_killed(checkpoint, monkeypatch, tmp_path):
    """A decoder apart, one rank of two, the leader: the others would wait for it for ever."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = WorkerOptions(checkpoint, threads=1, ranks=2, decoder_apart=True)
    reasons = []
    for restart in measure_restarts(options, picture().tobytes()):
        assert restart.segment, "the session began again from nothing"
        assert not restart.left
        reasons.append(re.sub(r"\d+ ", "", restart.reason, count=1))
    assert reasons == [
        "worker lost its decoder, which was killed by SIGKILL",
        "worker lost its rank 1, which was killed by SIGKILL",
        "worker was killed by SIGKILL",
    ]
    assert not list(tmp_path.glob("flowact-group-*"))


def test_a_spare_that_died_is_replaced_and_no_thread_is_left(checkpoint, request):
    before = set(threading.enumerate())
    supervisor = Supervisor(WorkerOptions(checkpoint, threads=1), lambda event: None)
    request.addfinalizer(supervisor.close)
    wait_for(lambda: supervisor.spare_ready)
    first = supervisor._spare
    os.kill(first.pid, signal.SIGKILL)
    wait_for(lambda: supervisor._spare is not first and supervisor.spare_ready)
    supervisor.close()
    wait_for(lambda: not any(t.is_alive() for t in set(threading.enumerate()) - before))


@pytest.mark.parametrize(
    ("folder", "devices", "sentence"),
    [("empty", None, "no checkpoint"), ("", "cpu,cuda:7", "cuda:7")],
    ids=["weights", "the decoder's device"],
)
def test_what_is_not_there_is_said_in_a_sentence(folder, devices, sentence, checkpoint):
    """By whichever process misses it, and once: nothing is started again."""
    events: list = []
    options = WorkerOptions(
        checkpoint / folder, threads=1, devices=devices, decoder_apart=devices is not None
    )
    supervisor = Supervisor(options, events.append, spare=False)
    wait_for(lambda: count(events, WorkerUnavailable))
    supervisor.close()
    assert [type(event) for event in events] == [WorkerUnavailable]
    assert sentence in events[0].message
