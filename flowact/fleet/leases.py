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

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from flowact.fleet.gate.place_counter import Seat
from flowact.fleet.replica.replica_address import ReplicaAddress

_log = logging.getLogger(__name__)

WARMING_SECONDS: Final = 30.0
DEADLINE_SECONDS: Final = 1.0
"""A replica that does not answer within it is full, or gone without a word."""
AVOIDED_SECONDS: Final = 10.0
"""For so long nobody is sent to a replica that did not answer its visitors."""
LOSSES: Final = (RayError, RayServeException, StopAsyncIteration, asyncio.CancelledError)


@dataclass
class _HeldLease:
    at: ReplicaAddress
    over: asyncio.Task[None]


class ServeLeases:
    """`Leases` at the replicas of a Serve deployment.

    Args:
        handle: of the deployment; its method `lease` yields where a place is and ends with it.
    """

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._take = handle.options(method_name="lease", stream=True)
        self._held: dict[str, _HeldLease] = {}
        self._avoided: dict[str, float] = {}

    async def warm_up(self) -> None:
        """Ask for a place and give it back, so that the first visitor need not wait for connections."""
        stream: Any = self._take.remote(secrets.token_hex(8), (), 0)
        with contextlib.suppress(TimeoutError, *LOSSES):
            async with asyncio.timeout(WARMING_SECONDS):
                await anext(stream)
        stream.cancel()

    async def take(self, lease: str, waiting: int, over: Callable[[], None]) -> Seat | None:
        """See `Leases`."""
        stream: Any = self._take.remote(lease, self._avoid(), waiting)
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
            held.over.cancel()

    async def lose(self, lease: str) -> None:
        """See `Leases`."""
        held = self._held.get(lease)
        if held is not None:
            self._avoided[held.at.name] = time.monotonic() + AVOIDED_SECONDS
            held.over.cancel()

    def _hold(self, lease: str, at: ReplicaAddress, stream: Any, over: Callable[[], None]) -> None:
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


async def _until_over(stream: Any) -> None:
    try:
        with contextlib.suppress(RayError, RayServeException):
            async for _ in stream:
                pass
    finally:
        stream.cancel()  # what is over anyway does not mind
