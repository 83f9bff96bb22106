"""The counter before one preset's places: a line, and one who asks the replicas for whoever is first."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from flowact.fleet.gate.line import Waiting, WaitingLine
from flowact.live.access.reservations import UNCLAIMED_SECONDS

ANSWER_SECONDS: Final = 1.0
"""Whoever waits is told where it stands so often."""
SETTLING_SECONDS: Final = 1.5
"""After its start, and where it takes over from another one, a gateway gives no place for so long: everybody who waits
has asked it by then."""
PAUSE_SECONDS: Final = 0.1
MOST_AT_ONCE: Final = 12
"""Places that are asked for side by side while all who ask get one."""


@dataclass(frozen=True)
class Seat:
    """A place at a replica.

    Attributes:
        lease: name of the lease.
        path: of the replica's session interface, as a link of the page.
    """

    lease: str
    path: str


class Leases(Protocol):
    """Takes places at the replicas of one preset."""

    async def take(self, lease: str, waiting: int, over: Callable[[], None]) -> Seat | None:
        """Return a place; `None` if none is free within a moment.

        Args:
            lease: a new name.
            waiting: how many wait for a place.
            over: called when the place is free again, or its replica is gone.
        """

    async def give_back(self, lease: str) -> None:
        """End a lease that nobody came for."""

    async def lose(self, lease: str) -> None:
        """End a lease whose replica did not answer its page: it is avoided for a while."""


@dataclass(frozen=True)
class Bounds:
    """What one network may have.

    Attributes:
        places: at once.
        waiting: visitors in the line.
    """

    places: int = 2
    waiting: int = 3


class PlaceCounter:
    """Gives the places of one preset, in the order of the line.

    Args:
        leases: where places come from.
        bounds: of every network.
        now: seconds since 1970.
    """

    def __init__(
        self, leases: Leases, bounds: Bounds, now: Callable[[], float] = time.time
    ) -> None:
        self._leases, self._bounds, self._now = leases, bounds, now
        self.line = WaitingLine(bounds.waiting, now)
        self._opens = now() + SETTLING_SECONDS
        self._at_once = MOST_AT_ONCE
        self._taken: dict[str, Waiting] = {}
        self._asking: dict[str, asyncio.Future[Seat]] = {}
        self._given: dict[str, tuple[Seat, float]] = {}
        self._came = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def ask(self, name: str, arrived: float, network: str, lost: str = "") -> Seat | int:
        """Return a place, or a position in the line after a second without one.

        Args:
            name: of the visitor in the line.
            arrived: when it came, in seconds since 1970.
            network: that it comes from.
            lost: its former lease, whose replica does not answer.

        Raises:
            UserError: too many wait.
        """
        given = self._given.pop(name, None)
        if given is not None:
            return given[0]
        who = self.line.stand(name, arrived, network)
        if lost:
            self._over(lost)
            await self._leases.lose(lost)
        if self._serving is None:
            if arrived < self._now() - ANSWER_SECONDS:  # another gateway has had the line
                self._opens = self._now() + SETTLING_SECONDS
            self._serving = asyncio.create_task(self._serve_forever())
        seat = self._asking.setdefault(name, asyncio.get_running_loop().create_future())
        self._came.set()
        try:
            await asyncio.wait({seat}, timeout=ANSWER_SECONDS)
            return seat.result() if seat.done() else self.line.position(who)
        except (
            asyncio.CancelledError
        ):  # the page is gone; its ticket says where it stood, should it come back
            self.line.leave(name)
            raise
        finally:
            self._asking.pop(name, None)

    async def another(self, lease: str) -> tuple[Seat, Waiting] | None:
        """Take a place for whoever has one at a replica that ends, before all who wait; `None` if none is free."""
        now = self._now()
        who = self._taken.get(lease) or Waiting(
            lease, now, "", now
        )  # another gateway gave that one
        name = secrets.token_hex(8)
        seat = await self._leases.take(name, len(self.line), partial(self._over, name))
        if seat is None:
            return None
        self._taken[name] = who
        return seat, who

    async def give_back(self, lease: str) -> None:
        """Nobody comes for a place that was taken."""
        self._over(lease)
        await self._leases.give_back(lease)

    def close(self) -> None:
        """Give no more places."""
        if self._serving is not None:
            self._serving.cancel()

    async def _serve_forever(self) -> None:
        await asyncio.sleep(max(self._opens - self._now(), 0.0))
        while True:
            ahead = self._ahead()
            if ahead:
                await self._serve(ahead)
                continue
            self._came.clear()
            self._forget_silent()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), ANSWER_SECONDS)

    def _ahead(self) -> list[Waiting]:
        """Those who are served next, but for networks that have enough: many at once while there are places."""
        taken = Counter(who.network for who in self._taken.values())
        ahead = []
        for who in self.line.in_order():
            if taken[who.network] < self._bounds.places:
                taken[who.network] += 1
                ahead.append(who)
            if len(ahead) == self._at_once:
                break
        return ahead

    async def _serve(self, ahead: list[Waiting]) -> None:
        """Ask for as many places, and give those that there are to whoever is first by then."""
        leases, waiting = [secrets.token_hex(8) for _ in ahead], len(self.line)
        asked = (self._leases.take(lease, waiting, partial(self._over, lease)) for lease in leases)
        seats = [seat for seat in await asyncio.gather(*asked) if seat is not None]
        first = self._ahead()
        for who, seat in zip(first, seats, strict=False):
            self._give(who, seat)
        for seat in seats[len(first) :]:
            await self._leases.give_back(seat.lease)
        self._at_once = MOST_AT_ONCE if len(seats) == len(ahead) else 1
        if not seats:
            await asyncio.sleep(PAUSE_SECONDS)

    def _give(self, first: Waiting, seat: Seat) -> None:
        """Let the first one have a place; if it does not ask again, the replica takes it back."""
        self.line.leave(first.name)
        self._taken[seat.lease] = first
        asking = self._asking.get(first.name)
        if asking is not None and not asking.done():
            asking.set_result(seat)
        else:  # between two questions
            self._given[first.name] = seat, self._now()

    def _over(self, lease: str) -> None:
        self._taken.pop(lease, None)

    def _forget_silent(self) -> None:
        """Let go of seats that nobody came back for; their replicas have taken them back."""
        limit = self._now() - UNCLAIMED_SECONDS
        self._given = {name: one for name, one in self._given.items() if one[1] >= limit}
