"""Where a replica is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReplicaAddress:
    """A replica's name and its own server.

    Attributes:
        name: as Serve names it.
        address: of its server, for gateway and edge.
        path: of its live routes, as a link of the page.
    """

    name: str
    address: str
    path: str
