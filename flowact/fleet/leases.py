"""Leases at replicas: one open streaming call each, which Serve counts, routes and waits for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from flowact.fleet.gate.place_counter import Seat
from flowact.fleet.replica_address import DRAIN_PURPOSE, ReplicaAddress
from flowact.fleet.seat_router import RUNNING
from flowact.live.access.tickets import Tickets

_log = logging.getLogger(__name__)

WARMING_SECONDS: Final = 30.0
DEADLINE_SECONDS: Final = 1.0
"""A replica that does not answer within it is full, or gone without a word."""
AVOIDED_SECONDS: Final = 10.0
"""For so long nobody is sent to a replica that did not answer its visitors."""
LOOK_SECONDS: Final = 0.5
LOSSES: Final = (RayError, RayServeException, StopAsyncIteration, asyncio.CancelledError)


@dataclass
class _HeldLease:
    at: ReplicaAddress
    over: asyncio.Task[None]


class ServeLeases:
    """`Leases` at the replicas of a Serve deployment.

    A replica that Serve is about to stop is told to give its sessions away: Serve itself only waits for them.

    Args:
        deployment: its name.
        handle: of it; its method `lease` yields where a place is and ends with it.
        tickets: signed with the fleet's key, for `drain`.
    """

    def __init__(self, deployment: str, handle: DeploymentHandle[Any], tickets: Tickets) -> None:
        self._deployment, self._tickets = deployment, tickets
        self._take = handle.options(method_name="lease", stream=True)
        self._held: dict[str, _HeldLease] = {}
        self._avoided: dict[str, float] = {}
        self._known: dict[str, ReplicaAddress] = {}
        self._watching: asyncio.Task[None] | None = None

    def address(self, replica: str) -> str | None:
        """See `Leases`."""
        known = self._known.get(replica)
        return known.address if known is not None else None

    async def warm_up(self) -> None:
        """Ask for a place and give it back, so that the first visitor need not wait for connections."""
        stream: Any = self._take.remote(secrets.token_hex(8), ())
        with contextlib.suppress(TimeoutError, *LOSSES):
            async with asyncio.timeout(WARMING_SECONDS):
                await anext(stream)
        stream.cancel()

    async def take(self, lease: str, lost: str, over: Callable[[], None]) -> Seat | None:
        """See `Leases`."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        held = self._held.get(lost)
        if held is not None:
            self._avoided[held.at.name] = time.monotonic() + AVOIDED_SECONDS
        stream: Any = self._take.remote(lease, self._avoid())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                found = await anext(stream)
        except TimeoutError:
            stream.cancel()
            return None
        except LOSSES as error:
            _log.info("a replica was lost while a place was taken: %s", type(error).__name__)
            return None
        if found is None:
            return None
        self._hold(lease, found, stream, over)
        return Seat(lease, found.path)

    async def give_back(self, lease: str) -> None:
        """See `Leases`; a replica keeps a lease that a page has come for."""
        held = self._held.get(lease)
        if held is not None:
            self._avoided[held.at.name] = time.monotonic() + AVOIDED_SECONDS
            held.over.cancel()

    def _hold(self, lease: str, at: ReplicaAddress, stream: Any, over: Callable[[], None]) -> None:
        self._known[at.name] = at
        task = asyncio.create_task(_until_over(stream))
        self._held[lease] = _HeldLease(at, task)

        def ended(_task: asyncio.Task[None]) -> None:
            self._held.pop(lease, None)
            over()

        task.add_done_callback(ended)

    def _avoid(self) -> tuple[str, ...]:
        now = time.monotonic()
        self._avoided = {name: until for name, until in self._avoided.items() if until > now}
        return tuple(self._avoided)

    async def _watch(self) -> None:
        """Tell every replica once that it is to end."""
        async with httpx.AsyncClient(timeout=DEADLINE_SECONDS) as client:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                for name, at in list(self._known.items()):
                    if RUNNING.ends(self._deployment, name):
                        del self._known[name]
                        headers = {"X-Ticket": self._tickets.issue(DRAIN_PURPOSE, name)}
                        with contextlib.suppress(httpx.HTTPError):  # it is gone already
                            await client.post(f"{at.address}/drain", headers=headers)
                            _log.info("replica %s gives its sessions away", name)


async def _until_over(stream: Any) -> None:
    try:
        with contextlib.suppress(RayError, RayServeException):
            async for _ in stream:
                pass
    finally:
        stream.cancel()  # what is over anyway does not mind
