"""A replica: one server of the live page inside Ray Serve, whose places are leased by the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any, Final

from ray import serve
from ray.util import get_node_ip_address

from flowact import logs
from flowact.errors import UserError
from flowact.fleet.loopback_network import LOOPBACK, stay_on_loopback
from flowact.fleet.plan import AvatarPlan, FleetPlan
from flowact.fleet.replica.backend import BackendServer
from flowact.fleet.replica.replica_address import SERVER, TICKET_LIFETIME, ReplicaAddress

LOOK_SECONDS: Final = 0.3
FAREWELL_SECONDS: Final = 1.0
LAST_SECONDS: Final = 5.0
"""Before Serve ends a replica: whoever found no other place is given away to the store."""
FRESH_SECONDS: Final = 3.0
"""For so long a replica believes what the gateway has said of its line; it says so with every question."""


class AvatarReplica:
    """The deployment's class; made when the worker is loaded and warm.

    Args:
        fleet: what all machines are told.
        plan: of this replica's preset.

    Raises:
        UserError: the worker cannot be loaded.
    """

    async def __init__(self, fleet: FleetPlan, plan: AvatarPlan) -> None:  # type: ignore[misc]
        if fleet.host == LOOPBACK:
            stay_on_loopback()
        logs.configure(plan.settings.log)
        of_this_node: Any = get_node_ip_address
        host = fleet.host or of_this_node()
        self._server = BackendServer(plan.settings, host, plan.drain_seconds - LAST_SECONDS)
        await self._server.open()
        self._direct, self._name = fleet.direct, serve.get_replica_context().replica_tag
        self._at = f"{host}:{self._server.port}"
        self._waiting = 0, time.monotonic()
        loop = asyncio.get_running_loop()

        def end() -> Future[None]:
            return asyncio.run_coroutine_threadsafe(self._server.close(moved=False), loop)

        threading.Thread(target=_end_without_parent, args=(end,), daemon=True).start()

    async def lease(
        self, name: str, _avoided: tuple[str, ...], waiting: int
    ) -> AsyncIterator[ReplicaAddress | None]:
        """Yield where a place is, and end when it is free again; yield `None` if there is none.

        Args:
            name: of the lease.
            _avoided: names of replicas that `SeatRouter` did not choose this one instead of.
            waiting: how many wait at the gateway.
        """
        server = self._server
        self._waiting = waiting, time.monotonic()
        if server.manager.moves.draining or not server.reservations.reserve(name):
            yield None
            return
        yield self._address()
        await server.reservations.wait(name)

    def _address(self) -> ReplicaAddress:
        """Where this replica is; behind an edge pages know it by a ticket that says so."""
        address = f"http://{self._at}"
        if self._direct:
            return ReplicaAddress(self._name, address, f"{address}/v1")
        ticket = self._server.manager.tickets.issue(SERVER, self._at, TICKET_LIFETIME)
        return ReplicaAddress(self._name, address, f"r/{self._name}/{ticket}/v1")

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Tell `replicas_wanted` of the work and the places here, and of the line as the gateway told it."""
        waiting, told = self._waiting
        return {
            "busy": self._server.manager.busy,
            "places": float(self._server.reservations.places),
            "waiting": float(waiting if time.monotonic() - told < FRESH_SECONDS else 0),
        }

    async def record_routing_stats(self) -> dict[str, Any]:
        """Tell `SeatRouter` how many places there are here, and where."""
        return {"places": self._server.reservations.places, "address": f"http://{self._at}"}

    async def check_health(self) -> None:
        """Tell Serve whether this replica can go on.

        Raises:
            UserError: its worker cannot be started any more.
        """
        if self._server.manager.down is not None:
            raise UserError(self._server.manager.down)

    async def __del__(self) -> None:
        """Serve ends the replica: whoever is still here goes on elsewhere."""
        await self._server.close()


def _end_without_parent(ending: Callable[[], Future[None]]) -> None:
    """End when Ray has given this node up: a replacement is counted, and this replica is not."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    with contextlib.suppress(TimeoutError):
        ending().result(FAREWELL_SECONDS)
    os._exit(1)
