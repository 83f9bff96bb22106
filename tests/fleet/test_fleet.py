"""The command, Ray, the gateway and two servers: from the page to the picture, and to the end of all processes."""

import asyncio
import contextlib
import time
from pathlib import Path

from flowact.bench.chromium import chromium, visiting
from flowact.bench.fleet.crowd import crowd
from tests.fleet.conftest import SECRET

LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def listening(pids: set[int]) -> set[str]:
    """Addresses, as /proc writes them, that processes listen on."""
    inodes = set()
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                inodes.add(link.readlink().name)
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes
    }


def test_the_page_says_that_it_asks_for_a_place_first(browser_of):
    page = browser_of.get("/").text
    assert 'data-places=\\"yes\\"' in page or 'data-places="yes"' in page
    assert 'data-places="yes"' in browser_of.get("/stage").text
    assert browser_of.get("/live/static/places.js").status_code == 200
    forged = browser_of.post("/live/place", json={"token": "forged"})
    assert forged.status_code == 400 and "ticket is not valid" in forged.json()["error"]


def test_a_browser_joins_in_two_steps_and_hears_the_sample(fleet):
    with chromium() as browser, visiting(browser, fleet.page) as visitor:
        visitor.start()
        visitor.wait_painted(30)
        visitor.sample()
        visitor.wait_stage("asked to first frame with voice")
        assert visitor.page.evaluate("flowactSession.base").startswith("http://127.0.0.1:")


def test_visitors_get_the_places_of_both_servers_and_then_wait(fleet):
    async def run():
        async with crowd(fleet.page, SECRET) as viewers:
            seated = await viewers.come(4, 0.0)
            servers = [viewer.seen.servers[-1] for viewer in seated]
            assert {servers.count(each) for each in servers} == {2}, "two places at each of two"
            late = viewers.add()
            while not late.seen.positions:
                await asyncio.sleep(0.05)
            assert late.seen.positions[0] == 1 and not late.playing.is_set()
            await seated[0].leave()
            await viewers.all_play([late])
            assert late.seen.servers == servers[:1]
            frames = [viewer.seen.frames for viewer in (*seated[1:], late)]
            await asyncio.sleep(1)
            assert all(
                viewer.seen.frames > before
                for viewer, before in zip((*seated[1:], late), frames, strict=True)
            )
            assert not any(viewer.seen.errors for viewer in viewers.viewers)

    asyncio.run(run())


def test_it_listens_on_the_loopback_address_only_and_leaves_nothing_behind(fleet):
    processes = fleet.descendants
    assert len(processes) > 5
    assert listening(processes) <= LOOPBACK and listening(processes)
    fleet.stop()
    limit = time.monotonic() + 60
    while left := [pid for pid in processes if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < limit, left
        time.sleep(0.1)
