"""A real fleet of this machine: the command itself, with servers that load no model."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from flowact.bench.free_port import free_port
from tests.nginx import nginx
from tests.redis_server import RedisServer

EDGE = Path(__file__).parents[2] / "deploy" / "edge" / "fleet.conf"
SECRET = "a secret for tests"
STARTING_SECONDS = 240


def listening(pid: int) -> set[str]:
    """Addresses, as /proc writes them, that a process listens on."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            inodes.add(link.readlink().name)
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


class FleetCommand:
    """`flowact serve --fleet local` as a process, and its page."""

    def __init__(self, log: Path, *options: str) -> None:
        self.port, self.log = free_port(), log
        environment = {**os.environ, "FLOWACT_TICKET_KEY": SECRET}
        command = [sys.executable, "-m", "flowact", "serve", "--fleet", "local", *options]
        command += ["--loopback", "yes", "--port", str(self.port)]
        with log.open("w") as out:
            self.process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
        self.page = f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        limit = time.monotonic() + STARTING_SECONDS
        while "FlowAct: http" not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < limit, self.log.read_text()
            time.sleep(0.1)

    @property
    def descendants(self) -> set[int]:
        """Numbers of all processes that came of it."""
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid, rest = status.read_text().split(" (", 1)
            except OSError:
                continue  # gone meanwhile
            parents[int(pid)] = int(rest.rsplit(") ", 1)[1].split()[1])
        found, more = set(), {self.process.pid}
        while more:
            found |= more
            more = {pid for pid, parent in parents.items() if parent in found} - found
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, redis_server):
    log = tmp_path_factory.mktemp("fleet") / "log"
    options = ("--direct", "no", "--replicas", "2", "--sessions", "4", "--spare", "no")
    options += ("--store", redis_server.url)
    made = FleetCommand(log, *options, "--network-places", "99", "--network-waiting", "99")
    edge = EDGE.read_text().replace("listen 80 ", "listen LISTEN ")
    assert edge.count("head:7860") == 1
    try:
        made.wait()
        with nginx(edge.replace("head:7860", f"127.0.0.1:{made.port}")) as made.page:
            yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def browser_of(fleet):
    with httpx.Client(base_url=fleet.page, timeout=30) as made:
        yield made
