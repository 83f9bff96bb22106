"""A replica: one server of the live page inside Ray Serve, whose places are leased by the gateway."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncIterator
from typing import Final

from flowact import logs
from flowact.errors import UserError
from flowact.fleet.backend import BackendServer
from flowact.fleet.loopback_network import LOOPBACK, stay_on_loopback
from flowact.fleet.plan import AvatarPlan, FleetPlan

ORPHANED_SECONDS: Final = 0.5


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
        self._server = BackendServer(plan.settings, fleet.host)
        await self._server.open()
        self.name = f"{fleet.host}-{self._server.port}".replace(".", "-")
        address = f"http://{fleet.host}:{self._server.port}"
        self._path = f"{address}/live" if fleet.direct else f"r/{self.name}/live"
        threading.Thread(target=_end_without_parent, daemon=True).start()

    async def lease(self, name: str) -> AsyncIterator[str | None]:
        """Yield where a place is, and end when it is free again; yield `None` if there is none."""
        server = self._server
        if server.manager.moves.draining or not server.reservations.reserve(name):
            yield None
            return
        yield self._path
        await server.reservations.wait(name)

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


def _end_without_parent() -> None:
    """End when Ray has given this node up: a replacement is counted, and this one is not."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(ORPHANED_SECONDS)
    os._exit(1)
