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
from flowact.fleet.backend import BackendServer
from flowact.fleet.loopback_network import LOOPBACK, stay_on_loopback
from flowact.fleet.plan import FleetPlan
from flowact.fleet.replica_address import ReplicaAddress
from flowact.live.settings import LiveSettings

LOOK_SECONDS: Final = 0.3
FAREWELL_SECONDS: Final = 1.0


class AvatarReplica:
    """The deployment's class; made when the worker is loaded and warm.

    Args:
        fleet: what all machines are told.
        settings: of this replica's preset.

    Raises:
        UserError: the worker cannot be loaded.
    """

    async def __init__(self, fleet: FleetPlan, settings: LiveSettings) -> None:  # type: ignore[misc]
        if fleet.host == LOOPBACK:
            stay_on_loopback()
        logs.configure(settings.log)
        of_this_node: Any = get_node_ip_address
        host = fleet.host or of_this_node()
        self._server = BackendServer(settings, host)
        await self._server.open()
        name = serve.get_replica_context().replica_tag
        address = f"http://{host}:{self._server.port}"
        path = f"{address}/v1" if fleet.direct else f"r/{name}/v1"
        self._address = ReplicaAddress(name, address, path)
        loop = asyncio.get_running_loop()

        def end() -> Future[None]:
            return asyncio.run_coroutine_threadsafe(self._server.close(), loop)

        threading.Thread(target=_end_without_parent, args=(end,), daemon=True).start()

    async def lease(
        self, name: str, _avoided: tuple[str, ...] = ()
    ) -> AsyncIterator[ReplicaAddress | None]:
        """Yield where a place is, and end when it is free again; yield `None` if there is none.

        Args:
            name: of the lease.
            _avoided: names of replicas that `SeatRouter` did not choose this one instead of.
        """
        server = self._server
        if server.manager.moves.draining or not server.reservations.reserve(name):
            yield None
            return
        yield self._address
        await server.reservations.wait(name)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Tell `replicas_wanted` of the work and the places here."""
        manager = self._server.manager
        return {"busy": manager.busy, "places": float(self._server.reservations.places)}

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
