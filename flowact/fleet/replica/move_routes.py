"""What a gateway asks of a replica that is to end: to take nobody new, and to let sessions go on elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from flowact.errors import UserError
from flowact.fleet.replica.replica_address import GATEWAY
from flowact.live.access.places import Place
from flowact.live.access.reservations import Reservations
from flowact.live.session.manager import SessionManager

DRAIN: Final = "/fleet/drain"
MOVE: Final = "/fleet/move"
TICKET: Final = "X-Ticket"


class MoveOrder(BaseModel):
    """A place at another replica, for whoever has this one's lease."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lease: str = Field(max_length=100)
    path: str = Field(max_length=1_000)
    ticket: str = Field(max_length=500)


def add_move_routes(
    app: FastAPI, manager: SessionManager, reservations: Reservations, leave: Callable[[], None]
) -> None:
    """Answer a gateway, which shows a ticket of its own.

    Args:
        app: of the replica.
        manager: of its sessions.
        reservations: its places.
        leave: called at the first question.
    """

    def check(x_ticket: Annotated[str, Header()]) -> None:
        try:
            manager.tickets.check(x_ticket, GATEWAY)
        except UserError as error:
            raise HTTPException(403, "This is for a gateway with a valid ticket.") from error

    @app.post(DRAIN, dependencies=[Depends(check)])
    async def drain() -> dict[str, list[str]]:
        """Take nobody new, and say which leases have sessions here that are not on their way yet."""
        leave()
        under_way = manager.moves.under_way
        return {
            "leases": [lease for lease, name in reservations.bound.items() if not under_way(name)]
        }

    @app.post(MOVE, dependencies=[Depends(check)])
    async def move(order: MoveOrder) -> dict[str, bool]:
        """Let one session go on elsewhere; false if it is on its way, or over."""
        session = reservations.bound.get(order.lease, "")
        return {"moved": manager.move(session, Place(order.path, order.ticket))}
