"""Servers of a study as processes of their own, and a client that asks them in turn, as a proxy does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from study.voting.context import DATABASE_VARIABLE, SERVERS_VARIABLE

_PORTS = range(20_000, 32_768)  # Linux gives outgoing connections those from 32768 to 60999
TIMEOUT = 600.0  # a machine that does much else starts a server slowly
PAUSE = 0.25  # seconds before a request is repeated


class ServerProcesses:
    """`study serve`, several times, each on a port of this machine.

    Attributes:
        addresses: where they are, without a slash at the end.
    """

    def __init__(self, directory: Path, number: int) -> None:
        self._directory = directory
        self._ports = [free_port() for _ in range(number)]
        self.addresses = [f"http://127.0.0.1:{port}" for port in self._ports]
        with ThreadPoolExecutor(number) as start:
            self._processes = list(start.map(self._started, self._ports))

    def kill(self, number: int) -> None:
        """End one as a power cut would (SIGKILL)."""
        self._processes[number].kill()
        self._processes[number].wait()

    def restart(self, number: int) -> None:
        """Start one that was killed, where it was."""
        self._processes[number] = self._started(self._ports[number])

    def stop(self) -> None:
        """End all of them."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=TIMEOUT)

    def _started(self, port: int) -> subprocess.Popen[bytes]:
        return start_server(self._directory, port, len(self._ports))


class Turns:
    """Asks servers in turn, and the next one where one does not answer or its database does not.

    Attributes:
        repeated: how many requests were sent once more.
    """

    def __init__(
        self, client: httpx.AsyncClient, addresses: Sequence[str], patience: float
    ) -> None:
        """Repeat for `patience` seconds."""
        self._client, self._patience = client, patience
        self._turn = itertools.cycle(addresses)
        self.repeated = 0

    @property
    def patient(self) -> bool:
        """Whether servers are expected to fail."""
        return self._patience > 0

    async def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """POST to the API; raises httpx.HTTPError for a failure that is no outage."""
        return await self._asked("POST", f"api/{path}", body)

    async def get(self, path: str) -> httpx.Response:
        """GET, as `post`."""
        return await self._asked("GET", path, None)

    async def _asked(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        limit = time.monotonic() + self._patience
        while True:
            try:
                reply = await self._client.request(method, f"{next(self._turn)}/{path}", json=body)
                reply.raise_for_status()
                return reply
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                outage = (
                    isinstance(error, httpx.TransportError) or error.response.status_code == 503
                )
                if not outage or time.monotonic() > limit:
                    raise
            self.repeated += 1
            await asyncio.sleep(PAUSE)


def start_server(directory: Path, port: int, servers: int = 1) -> subprocess.Popen[bytes]:
    """Start `study serve`, told that it is one of so many, and wait until it answers."""
    command = [sys.executable, "-m", "study", "serve", str(directory), "--port", str(port)]
    environment = os.environ | {SERVERS_VARIABLE: str(servers)}
    environment.pop(DATABASE_VARIABLE, None)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline and server.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/page/options", timeout=2.0)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return server
    server.kill()
    raise RuntimeError(f"the server on port {port} did not answer within {TIMEOUT:.0f} s")


def free_port() -> int:
    """A port of this machine that nobody listens on, nor takes by chance for a connection of its own."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
