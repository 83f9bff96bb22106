"""Moving the sessions of a replica that is to end to places at others, before Serve ends it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import httpx

from flowact.fleet.gate.fleet_places import FleetPlaces
from flowact.fleet.gate.place_counter import MOST_AT_ONCE, PAUSE_SECONDS
from flowact.fleet.replica.move_routes import DRAIN, MOVE, TICKET
from flowact.fleet.replica.replica_address import GATEWAY
from flowact.live.access.tickets import Tickets

_log = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 2.0
"""A replica that does not answer for so long is gone, and what it had is found in the store."""


class Evacuation:
    """Moves sessions of one preset.

    Whoever is to move gets a place first; then the replica tells its page where to go on. Its picture need not wait for
    the line, the gateway or Ray.

    Args:
        preset: whose replicas these are.
        places: gives the places.
        tickets: signed with the fleet's key.
        connect: makes a client for an address.
    """

    def __init__(
        self,
        preset: str,
        places: FleetPlaces,
        tickets: Tickets,
        connect: Callable[..., httpx.AsyncClient] = httpx.AsyncClient,
    ) -> None:
        self._preset, self._places, self._tickets = preset, places, tickets
        self._connect = connect
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, replica: str, address: str) -> None:
        """Empty a replica; called in the gateway's event loop."""
        task = asyncio.create_task(self.empty(replica, address))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def empty(self, replica: str, address: str) -> None:
        """Move everybody; returns when all are on their way, or the replica does not answer any more."""
        headers = {TICKET: self._tickets.issue(GATEWAY, replica)}
        client = self._connect(base_url=address, headers=headers, timeout=ANSWER_SECONDS)
        try:
            async with client as asked:
                while leases := (await _answer(asked, DRAIN, {}))["leases"]:
                    if not await self._move_all(asked, leases):
                        await asyncio.sleep(PAUSE_SECONDS)
        except httpx.HTTPError as error:
            _log.info("replica %s answers no more: %s", replica, type(error).__name__)

    async def _move_all(self, asked: httpx.AsyncClient, leases: list[str]) -> int:
        """Try each once, some side by side: those that cannot move yet keep nobody else; returns how many moved."""
        moved = 0
        for first in range(0, len(leases), MOST_AT_ONCE):
            some = leases[first : first + MOST_AT_ONCE]
            moved += sum(await asyncio.gather(*(self._move(asked, lease) for lease in some)))
        return moved

    async def _move(self, asked: httpx.AsyncClient, lease: str) -> bool:
        """Move one session; false if there is no place for it yet, or it is gone."""
        found = await self._places.another(self._preset, lease)
        if found is None:
            return False
        place, taken = found
        order = {"lease": lease, "path": place.path, "ticket": place.ticket}
        moved = bool((await _answer(asked, MOVE, order))["moved"])
        if not moved:
            await self._places.counters[self._preset].give_back(taken)
        return moved


async def _answer(asked: httpx.AsyncClient, path: str, question: dict[str, str]) -> dict[str, Any]:
    answer = await asked.post(path, json=question)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found
