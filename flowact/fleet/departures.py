"""Replicas that Serve has taken out of its list: they are to end, and have some time left for their sessions.

Passed on from Serve's routers to whoever moves the sessions. Serve makes its routers itself, in threads of its own, so
that there is one list of listeners for a process. It also copies a router's module with all values in it, but not the
modules that it names: import this one as a whole, or a copy is told of what nobody hears.
"""

from __future__ import annotations

from collections.abc import Callable

_told: dict[str, Callable[[str, str], None]] = {}


def listen(deployment: str, told: Callable[[str, str], None]) -> None:
    """Let somebody know, in a thread of Serve's, name and address of every replica of a deployment that leaves."""
    _told[deployment] = told


def left(deployment: str, replica: str, address: str) -> None:
    """A replica is in Serve's list no longer."""
    told = _told.get(deployment)
    if told is not None:
        told(replica, address)
