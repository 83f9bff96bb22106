"""A replica that is to end is emptied: a place elsewhere first, then the order to go there."""

import asyncio
import json
from functools import partial

import httpx

from flowact.fleet.gate import evacuation
from flowact.fleet.gate.evacuation import Evacuation
from flowact.fleet.gate.fleet_places import FleetPlaces
from flowact.fleet.gate.place_counter import MOST_AT_ONCE
from flowact.fleet.replica.move_routes import DRAIN, TICKET
from flowact.fleet.replica.replica_address import GATEWAY
from flowact.live.access.places import Wish
from tests.fleet.gate.test_fleet_places import MANY, TICKETS, Seats, until_placed


class Replica:
    """One that is asked to move its sessions, and refuses those that are over."""

    def __init__(self, leases: list[str], over: tuple[str, ...] = ()) -> None:
        self.leases, self.over, self.moved, self.tickets = leases, over, {}, set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.tickets.add(TICKETS.check(request.headers[TICKET], GATEWAY))
        if request.url.path == DRAIN:
            return httpx.Response(200, json={"leases": self.leases})
        order = json.loads(request.content)
        self.leases = [lease for lease in self.leases if lease != order["lease"]]
        if order["lease"] not in self.over:
            self.moved[order["lease"]] = order
        return httpx.Response(200, json={"moved": order["lease"] not in self.over})


class SlowReplica(Replica):
    """One with sessions that cannot move before all others have."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        lease = json.loads(request.content).get("lease", "")
        if lease.startswith("stuck") and len(self.moved) < 3:
            return httpx.Response(200, json={"moved": False})
        return super().__call__(request)


def evacuate(seats: Seats, replica, leases_of=lambda seats: list(seats.over)) -> FleetPlaces:
    """Seat three visitors, then empty the replica that has them."""

    async def run() -> FleetPlaces:
        places = FleetPlaces({"default": seats}, TICKETS, MANY)
        for network in "abc":
            await until_placed(places, Wish(network))
        replica.leases = leases_of(seats)
        connect = partial(httpx.AsyncClient, transport=httpx.MockTransport(replica))
        moving = Evacuation("default", places, TICKETS, connect)
        emptied = asyncio.create_task(moving.empty("old", "http://127.0.0.1:4000"))
        while not emptied.done():
            await asyncio.sleep(0.01)
            seats.free += not seats.free  # somebody leaves
        await emptied
        places.close()
        return places

    return asyncio.run(run())


def test_everybody_gets_a_place_elsewhere_and_is_told_of_it():
    seats, replica = Seats(8), Replica([])
    places = evacuate(seats, replica)
    assert len(replica.moved) == 3 and replica.tickets == {"old"}
    for lease, order in replica.moved.items():
        subject = TICKETS.check(order["ticket"], "place")
        assert order["path"] == "r/one/v1" and subject.partition(":")[0] not in ("", lease)
    taken = places.counters["default"]._taken
    networks = sorted(who.network for who in taken.values())
    assert networks == sorted("aabbcc"), "the new place is the same visitor's"


def test_whoever_finds_no_place_waits_for_one_and_a_place_that_is_not_used_is_given_back(
    monkeypatch,
):
    monkeypatch.setattr(evacuation, "PAUSE_SECONDS", 0.005)
    seats = Seats(3)
    replica = Replica([])
    leases: list[str] = []

    def all_of_them(seats: Seats) -> list[str]:
        leases.extend(seats.over)
        replica.over = (leases[0],)
        return list(leases)

    evacuate(seats, replica, all_of_them)
    assert replica.moved.keys() == set(leases[1:])
    assert len(seats.over) == 3 + 2, "the place of the one that was over is free"


def test_those_that_cannot_move_yet_keep_nobody_else():
    stuck = [f"stuck {number}" for number in range(MOST_AT_ONCE)]
    replica = SlowReplica([])
    evacuate(Seats(40), replica, lambda seats: stuck + list(seats.over))
    assert len(replica.moved) == 3 + len(stuck)
    assert not any(lease.startswith("stuck") for lease in list(replica.moved)[:3])


def test_a_replica_that_is_gone_is_left_alone():
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone")

    refuse.leases = []
    evacuate(Seats(8), refuse)
