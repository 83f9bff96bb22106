"""Where a replica is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SERVER: Final = "server"
"""Purpose of the ticket in which a server tells the edge its address."""
GATEWAY: Final = "gateway"
"""Purpose of the ticket by which a server knows the gateway."""
TICKET_LIFETIME: Final = 86_400.0
"""Seconds; whoever comes later asks for another place."""


@dataclass(frozen=True)
class ReplicaAddress:
    """A replica's name and its own server.

    Attributes:
        name: as Serve names it.
        address: of its server, for the gateway.
        path: of its session interface, as a link of the page.
    """

    name: str
    address: str
    path: str
