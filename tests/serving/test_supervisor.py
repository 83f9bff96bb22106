"""A real worker process, killed and stopped for real."""

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from flowact.serving.messages import Create, MediaSegment, Ready
from flowact.serving.supervisor import Supervisor, WorkerRestarted, WorkerUnavailable
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
    assert (
        killed == f"worker {pids[0]} was killed by SIGKILL; worker {pids[1]} takes over sessions: a"
    )
    assert hung.startswith(f"worker {pids[1]} hung for ")
    supervisor.close()
    assert not any(is_running(pid) for pid in pids)


def test_a_group_that_lost_a_rank_goes_on_from_the_snapshot(checkpoint, request, caplog):
    """One rank of two is killed with -9 in mid-stream; the other would wait for it for ever."""
    events: list = []
    options = WorkerOptions(checkpoint, threads=1, ranks=2)
    supervisor = Supervisor(options, events.append, spare=False)
    request.addfinalizer(supervisor.close)
    supervisor.send(Create("a", picture().tobytes(), 1, "idling", "jpeg"))
    wait_for(lambda: count(events, MediaSegment) >= 6)
    folder = supervisor._worker._companions.lead.membership.meeting.parent
    (follower,) = supervisor._worker._companions.pids
    pids = [supervisor.pid, follower]
    os.kill(follower, signal.SIGKILL)
    wait_for(lambda: count(events, WorkerRestarted))
    shown = len(events)
    wait_for(lambda: count(events[shown:], MediaSegment) >= 6)
    segments = [event for event in events if isinstance(event, MediaSegment)]
    assert all(segment.index for segment in segments[1:]), "a session began again from nothing"
    (reason,) = (event.reason for event in events if isinstance(event, WorkerRestarted))
    assert reason == f"worker {pids[0]} lost rank 1, which was killed by SIGKILL"
    assert not folder.exists()
    pids += [supervisor.pid, *supervisor._worker._companions.pids]
    supervisor.close()
    assert not any(is_running(pid) for pid in pids)


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


def test_weights_that_are_not_there_are_said_in_a_sentence(tmp_path):
    events: list = []
    supervisor = Supervisor(WorkerOptions(tmp_path, threads=1), events.append, spare=False)
    wait_for(lambda: count(events, WorkerUnavailable))
    supervisor.close()
    assert "no checkpoint" in events[-1].message
