"""A real Redis on a free port of this machine, gone after the tests."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import redis

from flowact.bench.free_port import free_port


class RedisServer:
    """A throw-away server that keeps nothing on the disk."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "the tests need redis-server or valkey-server (Debian: redis-server)"
        self.port = free_port()
        self._command = [
            *(program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
            *("--appendonly", "no", "--dir", str(folder), "--logfile", str(folder / "log")),
        ]
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(self._command)
        limit = time.monotonic() + 20
        while not self.answers():
            assert time.monotonic() < limit, "redis-server does not start"
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
