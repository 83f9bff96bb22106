"""Places of a whole fleet: a fair line before each preset, and leases for those at its head."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

from flowact.errors import UserError
from flowact.fleet.gate.place_counter import Bounds, Leases, PlaceCounter, Seat
from flowact.fleet.replica.replica_address import TICKET_LIFETIME
from flowact.live.access.places import InLine, Place, Wish
from flowact.live.access.tickets import Tickets

_MICROSECONDS: Final = 1_000_000


NO_MORE: Final = Bounds()


class FleetPlaces:
    """A `Places` whose places are those of many replicas.

    Args:
        leases: by preset; the first one is for whoever asks for none.
        tickets: signed with the fleet's key.
        bounds: of every network.
        now: seconds since 1970.
    """

    def __init__(
        self,
        leases: Mapping[str, Leases],
        tickets: Tickets,
        bounds: Bounds = NO_MORE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tickets, self._now = tickets, now
        self.counters = {preset: PlaceCounter(each, bounds, now) for preset, each in leases.items()}

    async def take(self, wish: Wish) -> Place | InLine:
        """See `Places`; answers when there is a place, or after a second."""
        preset = wish.preset or next(iter(self.counters), "")
        if preset not in self.counters:
            known = ", ".join(self.counters) or "none"
            raise UserError(f"Nobody here serves the preset {wish.preset!r}; there are: {known}.")
        name, arrived, lost = self._arrival(wish)
        seat = await self.counters[preset].ask(name, arrived, wish.network, lost)
        if isinstance(seat, Seat):
            return self._place(seat, arrived)
        return InLine(seat, self._ticket("waiting", name, arrived))

    async def another(self, preset: str, lease: str) -> tuple[Place, str] | None:
        """Take a place for whoever has one at a replica that ends; returns it and its lease."""
        found = await self.counters[preset].another(lease)
        if found is None:
            return None
        seat, who = found
        return self._place(seat, who.arrived), seat.lease

    def close(self) -> None:
        """Give no more places."""
        for counter in self.counters.values():
            counter.close()

    def _place(self, seat: Seat, arrived: float) -> Place:
        return Place(seat.path, self._ticket("place", seat.lease, arrived))

    def _ticket(self, purpose: str, name: str, arrived: float) -> str:
        stamp = round(arrived * _MICROSECONDS)
        return self._tickets.issue(purpose, f"{name}:{stamp}", TICKET_LIFETIME)

    def _arrival(self, wish: Wish) -> tuple[str, float, str]:
        """Who this is in the line, since when, and which lease it had: as the ticket says, or from now on.

        Whoever had a place and lost it with its replica stands where it stood before: in front.
        """
        if wish.waiting:
            name, _, stamp = self._tickets.check(wish.waiting, "waiting").partition(":")
            return name, int(stamp) / _MICROSECONDS, ""
        name = secrets.token_hex(8)
        if wish.lost:
            lease, _, stamp = self._tickets.check(wish.lost, "place").partition(":")
            return name, int(stamp) / _MICROSECONDS, lease
        arrived = round(self._now() * _MICROSECONDS) / _MICROSECONDS  # as the ticket will say
        return name, arrived, ""
