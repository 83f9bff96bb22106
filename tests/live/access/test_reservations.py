"""Promised places: as many as there are, for whoever comes in time, as long as the session lasts."""

import asyncio

import pytest

from flowact.live.access import reservations
from flowact.live.access.reservations import PlaceLostError, Reservations


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(reservations, "UNCLAIMED_SECONDS", 0.02)


def test_there_are_no_more_than_there_are_and_a_session_keeps_its_own():
    async def run():
        places = Reservations(1)
        assert places.reserve("a") and not places.reserve("b")
        waiting = asyncio.create_task(places.wait("a"))
        await asyncio.sleep(0)
        places.claim("a")
        places.bind("a", "session")
        await asyncio.sleep(0.05)
        assert not waiting.done() and len(places) == 1
        with pytest.raises(PlaceLostError):
            places.claim("a")
        places.ended("session")
        await waiting
        assert places.reserve("b")

    asyncio.run(run())


def test_a_place_that_nobody_comes_for_is_free_again():
    async def run():
        places = Reservations(1)
        places.reserve("a")
        await places.wait("a")
        assert len(places) == 0
        with pytest.raises(PlaceLostError):
            places.claim("a")

    asyncio.run(run())


def test_a_gateway_that_dies_takes_a_promise_along_but_no_session():
    async def run():
        places = Reservations(2)
        for lease in ("promised", "used"):
            places.reserve(lease)
        waiting = [asyncio.create_task(places.wait(lease)) for lease in ("promised", "used")]
        await asyncio.sleep(0)
        places.claim("used")
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert len(places) == 1
        places.give_back("used")
        assert len(places) == 0

    asyncio.run(run())
