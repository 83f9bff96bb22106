"""The line before a fleet's places: in order of arrival, whichever gateway is asked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from flowact.errors import UserError

SILENT_SECONDS: Final = 15.0
"""Who does not ask for so long has left the line."""
MOST_WAITING: Final = 500


@dataclass
class Waiting:
    """Somebody in the line.

    Attributes:
        name: theirs in the line.
        arrived: when they first asked, in seconds since 1970.
        network: theirs, see `network_of`.
        asked: when they asked last.
    """

    name: str
    arrived: float
    network: str
    asked: float

    @property
    def rank(self) -> tuple[float, str]:
        """Whoever has the smaller one is served before."""
        return self.arrived, self.name


class WaitingLine:
    """Who waits for a place of one preset.

    A visitor's time of arrival comes with every question, signed by whoever saw it first: a gateway that was
    started anew, or another one, knows the order after one question from each.

    Args:
        most_of_network: how many of one network may wait.
        now: seconds since 1970.
    """

    def __init__(self, most_of_network: int, now: Callable[[], float] = time.time) -> None:
        self._most, self._now = most_of_network, now
        self._all: dict[str, Waiting] = {}

    def __len__(self) -> int:
        self._forget_silent()
        return len(self._all)

    def stand(self, name: str, arrived: float, network: str) -> Waiting:
        """Take note that somebody waits.

        Raises:
            UserError: too many wait already, in all or of one network.
        """
        self._forget_silent()
        found = self._all.get(name)
        if found is None:
            self._refuse_crowds(network)
            found = self._all[name] = Waiting(name, arrived, network, 0.0)
        found.asked = self._now()
        return found

    def position(self, who: Waiting) -> int:
        """Return somebody's place in the line, from 1."""
        return 1 + sum(one.rank < who.rank for one in self._all.values())

    def in_order(self) -> list[Waiting]:
        """Return all who wait, the next one first."""
        self._forget_silent()
        return sorted(self._all.values(), key=lambda one: one.rank)

    def leave(self, name: str) -> None:
        """Take somebody out who has got a place or goes away."""
        self._all.pop(name, None)

    def _refuse_crowds(self, network: str) -> None:
        if len(self._all) >= MOST_WAITING:
            raise UserError("Too many visitors are waiting; try again in some minutes.")
        if Counter(one.network for one in self._all.values())[network] >= self._most:
            raise UserError("Several visitors of your network are waiting already.")

    def _forget_silent(self) -> None:
        limit = self._now() - SILENT_SECONDS
        self._all = {name: one for name, one in self._all.items() if one.asked >= limit}


def network_of(address: str) -> str:
    """The part of an address that one household has: a whole IPv4 address, or 64 bits of an IPv6 one."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(found) if found.version == 4 else str(ip_network(f"{found}/64", strict=False))
