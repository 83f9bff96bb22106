"""A replica's own server without Ray: whom it seats, and what a gateway alone may ask of it."""

import asyncio
import contextlib
import json
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from websockets.asyncio.client import connect

from flowact.fleet.replica.backend import BackendServer, live_backend
from flowact.fleet.replica.move_routes import DRAIN, TICKET
from flowact.fleet.replica.replica_address import GATEWAY
from flowact.live.access.places import Place
from flowact.live.access.reservations import Reservations
from flowact.live.api.models import PROTOCOL
from flowact.live.session.manager import SessionManager
from flowact.live.settings import LiveSettings
from flowact.serving.messages import Ready

SETTINGS = LiveSettings(ticket_key="shared", loopback=True, spare=False)
MEASURED = SETTINGS.sessions + 2


@contextlib.asynccontextmanager
async def joined(server, lease):
    """A visitor with a place; yields the first thing that is said."""
    server.reservations.reserve(lease)
    tickets = server.manager.tickets
    place, visitor = tickets.issue("place", f"{lease}:0"), tickets.issue("visit", lease)
    address = f"ws://127.0.0.1:{server.port}/v1/socket?place={place}"
    headers = {"Authorization": f"Bearer {visitor}"}
    async with connect(address, subprotocols=[PROTOCOL], additional_headers=headers) as socket:
        yield json.loads(await socket.recv())["type"]
        await socket.send(json.dumps({"type": "session.close"}))


def test_a_replica_seats_as_many_as_its_worker_has_measured():
    async def run():
        server = BackendServer(SETTINGS, "127.0.0.1", 1.0)
        server.manager.ready = Ready("none", 0, MEASURED)
        await server.open()
        async with contextlib.AsyncExitStack() as visitors:
            for number in range(MEASURED):
                said = await visitors.enter_async_context(joined(server, f"{number}"))
                assert said == "session.created", f"visitor {number + 1} of {MEASURED}"
            assert not server.reservations.reserve("one more")
        await server.close(moved=False)

    asyncio.run(run())


@pytest.fixture
def replica():
    """The real application, whose worker is not started."""
    reservations, asked = Reservations(4), []
    manager = SessionManager(SETTINGS, reservations)
    client = TestClient(
        live_backend(SETTINGS, manager, reservations, lambda: asked.append("leave"))
    )
    yield SimpleNamespace(client=client, manager=manager, reservations=reservations, asked=asked)
    manager.uploads.close()


def test_nobody_but_a_gateway_may_empty_a_replica(replica):
    for wrong in ("forged", replica.manager.tickets.issue("visit", "somebody")):
        refused = replica.client.post(DRAIN, json={}, headers={TICKET: wrong})
        assert refused.status_code == 403
        assert refused.json() == {"detail": "This is for a gateway with a valid ticket."}
    assert not replica.asked


def test_sessions_on_their_way_are_not_named_again(replica):
    departing, moves = [], replica.manager.moves
    for name in ("first", "second"):
        replica.reservations.reserve(f"lease of {name}")
        replica.reservations.bind(f"lease of {name}", name)
        moves.adopted(SimpleNamespace(name=name), 0.0)
    moves.move("first", Place("r/there/v1", "a ticket"), departing.append)
    headers = {TICKET: replica.manager.tickets.issue(GATEWAY, "this")}
    answer = replica.client.post(DRAIN, json={}, headers=headers)
    assert answer.json() == {"leases": ["lease of second"]}
    assert departing == ["first"] and replica.asked == ["leave"]
