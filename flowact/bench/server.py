"""The application as a process of its own, and what the operating system says about it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx

from flowact.bench.free_port import free_port
from flowact.errors import UserError

START_SECONDS: Final = 180.0
STOP_SECONDS: Final = 20.0


class ServerProcess:
    """A running `flowact live`.

    Attributes:
        port: where it listens on 127.0.0.1.
        pid: of the web server.
    """

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid

    @property
    def address(self) -> str:
        """Of the live page."""
        return f"http://127.0.0.1:{self.port}/"

    def health(self) -> dict[str, object]:
        """Return what `/live/health` says."""
        found: dict[str, object] = httpx.get(f"{self.address}live/health", timeout=10).json()
        return found

    def children(self) -> list[int]:
        """Return the processes that work for it, the busiest first: that is the worker.

        A process that only starts others, as worker processes are started on Linux, is none of them.
        """
        return sorted(_leaves(self.pid), key=_processor_time, reverse=True)

    @property
    def worker(self) -> int:
        """Process number of the worker."""
        return self.children()[0]

    def kill_worker(self) -> int:
        """Kill the worker as the kernel does when memory runs out; return who it was."""
        victim = self.worker
        os.kill(victim, signal.SIGKILL)
        return victim


@contextlib.contextmanager
def serving(*flags: str, environment: Mapping[str, str] | None = None) -> Iterator[ServerProcess]:
    """Run `flowact live` until the block is left; it is ready when the block begins.

    Args:
        flags: options of `flowact live`.
        environment: variables besides those of this process.

    Raises:
        UserError: it does not get ready.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="flowact-state-") as state:
        command = [
            sys.executable,
            "-m",
            "flowact",
            "live",
            "--port",
            str(port),
            "--state",
            state,
            *flags,
        ]
        process = subprocess.Popen(  # noqa: S603  (our own script)
            command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL
        )
        try:
            server = ServerProcess(port, process.pid)
            _wait_until_ready(server, process)
            yield server
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def rss_mb(pid: int) -> float:
    """Return the memory that a process holds, in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1]) / 1e3
    return 0.0


def is_running(pid: int) -> bool:
    """Say whether there is a process of that number that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _wait_until_ready(server: ServerProcess, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise UserError(f"The server ended with exit code {process.returncode}.")
        with contextlib.suppress(httpx.HTTPError):
            health = server.health()
            if health["problem"]:
                raise UserError(f"The worker cannot be started: {health['problem']}")
            if health["settled"]:
                return
        time.sleep(0.3)
    raise UserError(f"The server was not ready after {START_SECONDS:.0f} s.")


def _children(pid: int) -> list[int]:
    found = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread or a process that has ended meanwhile
            found |= {int(word) for word in path.read_text().split()}
    return sorted(found)


def _leaves(pid: int) -> list[int]:
    """Processes below one that have started no others."""
    found = []
    for child in _children(pid):
        found += _leaves(child) or [child]
    return found


def _processor_time(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
