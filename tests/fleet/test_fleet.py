"""The command, Ray, the gateway and two servers: from the page to the picture, and to the end of all processes."""

import asyncio
import os
import signal
import time
from pathlib import Path

from flowact.bench.chromium import chromium, visiting
from flowact.bench.fleet.chaos import AVATAR
from flowact.bench.fleet.crowd import crowd
from flowact.serving.pacing import SEGMENT_SECONDS
from tests.fleet.conftest import SECRET, listening

SNAPSHOT_SECONDS = 2.5
PATIENCE = 90
LONG_TEXT = "One two three four five six seven eight nine ten. " * 3


def heard(viewer) -> float:
    """Seconds of replies that a viewer has heard."""
    return SEGMENT_SECONDS * sum(len(said) for said in viewer.seen.spoken.values())


def servers_of(fleet) -> list[int]:
    """Numbers of the processes of the fleet's servers."""
    titles = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in fleet.descendants}
    return sorted(pid for pid in titles if titles[pid].startswith(AVATAR))


LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def test_the_page_says_that_it_asks_for_a_place_first(browser_of):
    page = browser_of.get("/").text
    assert 'data-places=\\"yes\\"' in page or 'data-places="yes"' in page
    assert 'data-places="yes"' in browser_of.get("/stage").text
    assert browser_of.get("/live/static/places.js").status_code == 200
    assert browser_of.get("/fleet/where/anybody").status_code == 404, "the edge alone may ask"
    assert browser_of.get("/r/nobody/forged/v1/health").status_code == 403
    forged = browser_of.post("/live/place", json={"token": "forged"})
    assert forged.status_code == 400 and "ticket is not valid" in forged.json()["error"]


def test_a_browser_joins_in_two_steps_and_hears_the_sample(fleet):
    with chromium() as browser, visiting(browser, fleet.page) as visitor:
        visitor.start()
        visitor.wait_painted(30)
        visitor.sample()
        visitor.wait_stage("asked to first frame with voice")
        assert visitor.page.evaluate("flowactSession.base").startswith("r/")


def test_visitors_get_the_places_of_both_servers_and_then_wait(fleet):
    async def run():
        async with crowd(fleet.page, SECRET) as viewers:
            seated = await viewers.come(8, 0.0)
            servers = [viewer.seen.servers[-1] for viewer in seated]
            assert {servers.count(each) for each in servers} == {4}, "four places at each of two"
            late = viewers.add()
            while not late.seen.positions:
                await asyncio.sleep(0.05)
            assert late.seen.positions[0] == 1 and not late.playing.is_set()
            await seated[0].leave()
            await viewers.all_play([late])
            assert late.seen.servers == servers[:1]
            assert all(server.startswith("r/") for server in servers)
            frames = [viewer.seen.frames for viewer in (*seated[1:], late)]
            await asyncio.sleep(1)
            assert all(
                viewer.seen.frames > before
                for viewer, before in zip((*seated[1:], late), frames, strict=True)
            )
            assert not any(viewer.seen.errors for viewer in viewers.viewers)

    asyncio.run(run())


def test_a_server_is_killed_and_every_reply_is_said_to_its_end(fleet):
    async def run():
        async with crowd(fleet.page, SECRET) as viewers:
            await viewers.come(4, 0.5, asks=LONG_TEXT)
            while not all(heard(viewer) > SNAPSHOT_SECONDS for viewer in viewers.viewers):
                await asyncio.sleep(0.1)
            assert not any(each.seen.finished for each in viewers.viewers)
            os.kill(servers_of(fleet)[0], signal.SIGKILL)
            limit = time.monotonic() + PATIENCE
            while not all(viewer.seen.finished for viewer in viewers.viewers):
                assert time.monotonic() < limit, [viewer.seen for viewer in viewers.viewers]
                await asyncio.sleep(0.2)
            hit = [each for each in viewers.viewers if len(each.seen.servers) > 1]
            others = [each for each in viewers.viewers if each not in hit]
            assert hit and others, "they were at two servers"
            for viewer in viewers.viewers:
                assert viewer.seen.anew == 0 and not viewer.seen.errors
            whole = heard(others[0])
            assert all(0.8 * whole < heard(each) < whole + 6 for each in hit), "from where it was"

    asyncio.run(run())


def test_it_listens_on_the_loopback_address_only_and_leaves_nothing_behind(fleet):
    processes = fleet.descendants
    assert len(processes) > 5
    addresses = {at.split(":")[0] for pid in processes for at in listening(pid)}
    assert addresses and addresses <= LOOPBACK
    fleet.stop()
    limit = time.monotonic() + 60
    while left := [pid for pid in processes if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < limit, left
        time.sleep(0.1)
