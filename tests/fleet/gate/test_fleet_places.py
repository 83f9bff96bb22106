"""The gateway without Ray: order, bounds, tickets, and what a new gateway knows."""

import asyncio
from contextlib import contextmanager

import pytest

from flowact.errors import UserError
from flowact.fleet.gate import place_counter
from flowact.fleet.gate.fleet_places import FleetPlaces
from flowact.fleet.gate.place_counter import Bounds, Seat
from flowact.live.access.places import InLine, OwnPlaces, Place, Wish
from flowact.live.access.tickets import Tickets

TICKETS = Tickets(b"shared")
MANY = Bounds(100, 100)


class Seats:
    """So many places at one replica."""

    def __init__(self, free: int) -> None:
        self.free, self.over, self.lost = free, {}, []

    async def take(self, lease, waiting, over):
        self.told = waiting
        if not self.free:
            return None
        self.free -= 1
        self.over[lease] = over
        return Seat(lease, "r/one/v1")

    async def lose(self, lease):
        self.lost.append(lease)
        await self.give_back(lease)

    async def give_back(self, lease):
        self.free += 1
        self.over.pop(lease)()


class SlowSeats(Seats):
    """The same, after a while."""

    async def take(self, *told):
        await asyncio.sleep(0.04)
        return await super().take(*told)


@contextmanager
def gateway(seats, bounds=MANY):
    made = FleetPlaces({"default": seats}, TICKETS, bounds)
    try:
        yield made
    finally:
        made.close()


async def until_placed(places, wish):
    found = await places.take(wish)
    while isinstance(found, InLine):
        found = await places.take(Wish(wish.network, waiting=found.ticket))
    return found


async def noted(places, wish, placed):
    await until_placed(places, wish)
    placed.append(wish.network)


def test_places_are_given_in_the_order_of_arrival_also_by_a_new_gateway():
    async def run():
        seats, placed = Seats(0), []
        with gateway(seats) as first:
            tickets = []
            for name in "abc":
                found = await first.take(Wish(name))
                assert isinstance(found, InLine) and found.position == len(tickets) + 1
                tickets.append(found.ticket)
                await asyncio.sleep(0.002)
        with gateway(seats) as second:
            asking = [
                asyncio.create_task(noted(second, Wish(name, waiting=ticket), placed))
                for name, ticket in reversed(list(zip("abc", tickets, strict=True)))
            ]
            await asyncio.sleep(0.03)
            for count in (1, 2, 3):
                seats.free += 1
                while len(placed) < count:
                    await asyncio.sleep(0.005)
            await asyncio.gather(*asking)
        assert placed == ["a", "b", "c"]

    asyncio.run(run())


def test_many_come_at_once_and_those_in_front_get_what_there_is():
    async def run():
        seats, placed = Seats(5), []
        with gateway(seats) as places:
            asking = []
            for number in range(12):
                asking.append(asyncio.create_task(noted(places, Wish(f"{number}"), placed)))
                await asyncio.sleep(0.002)
            while len(placed) < 5:
                await asyncio.sleep(0.005)
            assert sorted(placed, key=int) == [f"{number}" for number in range(5)]
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)

    asyncio.run(run())


def test_whoever_comes_with_an_older_ticket_while_a_place_is_taken_gets_it():
    async def run():
        with gateway(Seats(0)) as other:
            older = (await other.take(Wish("older"))).ticket
        with gateway(SlowSeats(1)) as places:
            younger = asyncio.create_task(places.take(Wish("younger")))
            await asyncio.sleep(0.02)
            assert isinstance(await places.take(Wish("older", waiting=older)), Place)
            assert isinstance(await younger, InLine)

    asyncio.run(run())


def test_a_place_whose_visitor_has_gone_meanwhile_is_given_back():
    async def run():
        seats = SlowSeats(1)
        with gateway(seats) as places:
            asking = asyncio.create_task(places.take(Wish("a")))
            await asyncio.sleep(0.02)
            asking.cancel()
            await asyncio.wait({asking})
            while not seats.free:
                await asyncio.sleep(0.005)

    asyncio.run(run())


def test_whoever_lost_a_place_is_served_first_and_its_replica_is_named():
    async def run():
        seats = Seats(1)
        with gateway(seats) as places:
            had = await until_placed(places, Wish("a"))
            assert had.path == "r/one/v1"
            waiting = await places.take(Wish("b"))
            assert isinstance(waiting, InLine)
            await until_placed(places, Wish("a", lost=had.ticket))
            assert len(seats.lost) == 1
            assert isinstance(await places.take(Wish("b", waiting=waiting.ticket)), InLine)

    asyncio.run(run())


def test_a_network_has_so_many_places_and_lets_others_pass():
    async def run():
        seats = Seats(3)
        with gateway(seats, Bounds(1, 5)) as places:
            await until_placed(places, Wish("home"))
            second = await places.take(Wish("home"))
            assert isinstance(second, InLine) and second.position == 1
            await until_placed(places, Wish("elsewhere"))
            next(iter(seats.over.values()))()  # the first visitor leaves
            await until_placed(places, Wish("home", waiting=second.ticket))

    asyncio.run(run())


def test_a_place_that_is_given_between_two_questions_is_kept():
    async def run():
        seats = Seats(0)
        with gateway(seats) as places:
            waiting = await places.take(Wish("a"))
            seats.free = 1
            while seats.free:
                await asyncio.sleep(0.005)
            assert isinstance(await places.take(Wish("a", waiting=waiting.ticket)), Place)

    asyncio.run(run())


def test_replicas_are_told_how_many_wait():
    async def run():
        seats = Seats(0)
        with gateway(seats) as places:
            for name in "abc":
                await places.take(Wish(name))
            assert seats.told == 3

    asyncio.run(run())


def test_a_gateway_that_takes_over_gives_no_place_until_everybody_can_have_asked(monkeypatch):
    async def run():
        with gateway(Seats(0)) as first:
            ticket = (await first.take(Wish("a"))).ticket
        await asyncio.sleep(place_counter.ANSWER_SECONDS)
        monkeypatch.setattr(place_counter, "SETTLING_SECONDS", 0.3)
        seats = Seats(1)
        with gateway(seats) as second:
            second.counters["default"]._opens = 0.0  # it has stood by for long
            assert isinstance(await second.take(Wish("a", waiting=ticket)), InLine)
            assert seats.free == 1
            await until_placed(second, Wish("a", waiting=ticket))

    asyncio.run(run())


def test_what_makes_no_sense_is_said_in_a_sentence():
    async def run():
        with gateway(Seats(1)) as places:
            with pytest.raises(UserError, match="serves the preset 'huge'; there are: default"):
                await places.take(Wish(preset="huge"))
            for wish in (Wish(waiting="forged"), Wish(lost=Tickets(b"x").issue("place", "a:1"))):
                with pytest.raises(UserError, match="ticket is not valid"):
                    await places.take(wish)

    asyncio.run(run())


def test_one_server_gives_its_own_places_and_no_other():
    assert asyncio.run(OwnPlaces().take(Wish())) == Place("v1")
    with pytest.raises(UserError, match="Nobody here serves the preset 'large'"):
        asyncio.run(OwnPlaces().take(Wish(preset="large")))
