"""The shared store on a real server: sealed, fenced, forgotten, and missed by nobody when it is gone."""

import asyncio
import time
from dataclasses import replace

import pytest

from flowact.errors import UserError
from flowact.live.continuity.open_store import check_store, open_store
from flowact.live.continuity.redis_store import DEADLINE_SECONDS, KEPT_MS, RedisSnapshots
from flowact.live.continuity.store import OwnSnapshots, StaleError, StoreUnavailableError
from flowact.live.settings import LiveSettings
from tests.live.continuity.test_kept_session import KEPT

SECRET = b"shared"
CALLS = 20
PICTURE = b"\x89PNG of a face"
OWN = replace(KEPT, origin=replace(KEPT.origin, uploaded=True))


@pytest.fixture(autouse=True)
def _empty(redis_server):
    redis_server.client().flushall()


def asked(redis_server, work, secret: bytes = SECRET):
    async def run():
        store = RedisSnapshots(redis_server.url, secret)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def fill(store):
    await store.begin("a1", PICTURE)
    await store.put(OWN)


def test_the_next_server_claims_it_and_the_one_before_is_refused(redis_server):
    async def work(store):
        await fill(store)
        claimed = await store.claim("a1")
        assert claimed.picture == PICTURE
        assert claimed.kept == replace(OWN, origin=replace(OWN.origin, generation=4))
        with pytest.raises(StaleError):
            await store.put(OWN)
        await store.put(claimed.kept)
        assert (await store.claim("a1")).kept.origin.generation == 5
        await store.drop("a1")
        assert await store.claim("a1") is None

    asked(redis_server, work)


def test_a_character_needs_no_picture_and_ones_own_person_does(redis_server):
    async def work(store):
        await store.put(KEPT)
        assert (await store.claim("a1")).picture == b""
        await store.put(replace(OWN, origin=replace(OWN.origin, generation=9)))
        assert await store.claim("a1") is None, "its picture is gone"

    asked(redis_server, work)


def test_a_claim_is_made_again_where_a_busy_store_missed_its_deadline(redis_server):
    async def work(store):
        await fill(store)
        redis_server.client().client_pause(250)  # longer than one deadline
        with pytest.raises(StoreUnavailableError):
            await store.put(KEPT)
        assert (await store.claim("a1")).picture == PICTURE

    asked(redis_server, work)


def test_nothing_readable_is_stored_and_everything_is_forgotten_in_a_minute(redis_server):
    asked(redis_server, fill)
    client = redis_server.client()
    stored = [client.hget("flowact:session:a1", "state"), client.get("flowact:picture:a1")]
    for part in (PICTURE, b"mira", b"visitor", b"state"):
        assert not any(part in value for value in stored)
    for key in client.keys("flowact:*"):
        assert 0 < client.pttl(key) <= KEPT_MS


def test_another_key_opens_nothing_and_says_why(redis_server, caplog):
    asked(redis_server, fill)
    assert asked(redis_server, lambda store: store.claim("a1"), b"another") is None
    assert "another FLOWACT_TICKET_KEY" in caplog.text


def test_a_store_that_is_gone_costs_a_tenth_of_a_second_once(redis_server):
    async def work(store):
        await fill(store)
        redis_server.kill()
        began = time.monotonic()
        for _ in range(CALLS):
            with pytest.raises(StoreUnavailableError):
                await store.put(KEPT)
        return time.monotonic() - began

    try:
        assert asked(redis_server, work) < CALLS * DEADLINE_SECONDS, "asked again each time"
        settings = LiveSettings(store=redis_server.url, ticket_key="x")
        with pytest.raises(UserError, match="does not answer; start it, or leave --store out"):
            check_store(settings)
    finally:
        redis_server.start()


def test_what_the_owner_asked_for_is_opened():
    assert isinstance(open_store(LiveSettings()), OwnSnapshots)
    with pytest.raises(UserError, match="is no address of a store"):
        open_store(LiveSettings(store="http://nowhere", ticket_key="x"))
