"""Replicas that Serve has taken out of its list: they are to end, and have some time left for their sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


class Departures:
    """Passes on which replicas have left, from Serve's routers to whoever moves the sessions.

    Serve makes its routers itself, in threads of its own, so that there is one of these for a process.
    """

    def __init__(self) -> None:
        self._told: dict[str, Callable[[str, str], None]] = {}

    def listen(self, deployment: str, told: Callable[[str, str], None]) -> None:
        """Let somebody know, in a thread of Serve's, name and address of every replica of a deployment that leaves."""
        self._told[deployment] = told

    def left(self, deployment: str, replica: str, address: str) -> None:
        """A replica is in Serve's list no longer."""
        told = self._told.get(deployment)
        if told is not None:
            told(replica, address)


DEPARTURES: Final = Departures()
