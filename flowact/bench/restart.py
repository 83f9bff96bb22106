"""`python -m flowact.bench.restart`: how long a live picture stands still when a process of the worker is killed."""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from flowact import assets
from flowact.bench.server import is_running
from flowact.errors import UserError
from flowact.portrait import load_reference
from flowact.serving.messages import Create, MediaSegment
from flowact.serving.supervision.reports import Report, WorkerRestarted, WorkerUnavailable
from flowact.serving.supervision.supervisor import Supervisor
from flowact.serving.worker import WorkerOptions

FIRST_SEGMENTS: Final = 6
"""Before the first process is killed: two chunks."""
PATIENCE: Final = 120.0
"""Seconds that loading may take, and every restart."""


@dataclass(frozen=True)
class Restart:
    """One process killed with SIGKILL, and what came of it.

    Attributes:
        killed: name of the process.
        seconds: from then to the session's next segment.
        reason: why the worker was replaced, as the log says it.
        segment: number of that next segment.
        left: names of processes of the old worker that still run.
    """

    killed: str
    seconds: float
    reason: str
    segment: int
    left: tuple[str, ...]


class _Viewer:
    """Counts the segments of a session and notes why workers were replaced."""

    def __init__(self) -> None:
        self.segments: list[int] = []
        self.reasons: list[str] = []
        self._problem = ""
        self._changed = threading.Condition()

    def receive(self, report: Report) -> None:
        """Take a supervisor's report, in any thread."""
        with self._changed:
            match report:
                case MediaSegment(index=index):
                    self.segments.append(index)
                case WorkerRestarted(reason=reason):
                    self.reasons.append(reason)
                    self.segments.clear()
                case WorkerUnavailable(message=message):
                    self._problem = message
            self._changed.notify_all()

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds.

        Raises:
            UserError: there is no worker, or it takes too long.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: self._problem or condition(), PATIENCE)
        if self._problem or not came:
            raise UserError(self._problem or f"Nothing came for {PATIENCE:.0f} s.")


def measure_restarts(options: WorkerOptions, picture: bytes) -> Iterator[Restart]:
    """Stream a silent session and kill every process of its worker, one after the other.

    Args:
        options: how the worker is to run.
        picture: the person, uint8 `[480, 480, 3]`.

    Raises:
        UserError: the worker cannot be started, or does not go on.
    """
    viewer = _Viewer()
    # What is slow on a busy machine shall not be taken for a hang, nor our blows for a row of deaths.
    supervisor = Supervisor(
        options, viewer.receive, spare=False, hang_seconds=PATIENCE, healthy_seconds=0.0
    )
    try:
        supervisor.send(Create("bench", picture, 0, "idling", "jpeg"))
        viewer.wait(lambda: len(viewer.segments) >= FIRST_SEGMENTS)
        for name in reversed(supervisor.pids):  # the same names after every restart
            yield _kill(supervisor, viewer, name)
    finally:
        supervisor.close()


def _kill(supervisor: Supervisor, viewer: _Viewer, name: str) -> Restart:
    pids, restarts, began = supervisor.pids, len(viewer.reasons), time.monotonic()
    os.kill(pids[name], signal.SIGKILL)
    viewer.wait(lambda: len(viewer.reasons) > restarts and viewer.segments)
    seconds = time.monotonic() - began
    left = tuple(one for one, pid in pids.items() if is_running(pid))
    return Restart(name, seconds, viewer.reasons[-1], viewer.segments[0], left)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m flowact.bench.restart", description=__doc__)
    parser.add_argument("--checkpoint", metavar="DIR", type=Path, help="other weights")
    parser.add_argument("--threads", metavar="N", type=int, help="of every process (up to 4)")
    parser.add_argument("--ranks", metavar="N", type=int, default=2, help="(%(default)d)")
    args = parser.parse_args()
    options = WorkerOptions(args.checkpoint, args.threads, ranks=args.ranks, decoder_apart=True)
    picture = load_reference(assets.default_character().portrait).tobytes()
    table = Table("killed", "seconds to the next segment", "left behind")
    try:
        restarts = list(measure_restarts(options, picture))
    except UserError as error:
        parser.error(str(error))
    for restart in restarts:
        table.add_row(
            restart.killed, f"{restart.seconds:.1f}", ", ".join(restart.left) or "nothing"
        )
    Console().print(table)


if __name__ == "__main__":
    main()
