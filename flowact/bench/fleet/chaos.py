"""What viewers see while parts of a fleet are killed, one after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from flowact.bench.fleet.crowd import Crowd, crowd, share
from flowact.bench.fleet.nodes import parent, processes, resident_mb
from flowact.bench.fleet.viewer import FleetViewer
from flowact.fleet.plan import AvatarPlan
from flowact.timebase import FRAMES_PER_CHUNK

GATEWAY: Final = "ray::ServeReplica:flowact:gateway"
CONTROLLER: Final = "ray::ServeController"
AVATAR: Final = "ray::ServeReplica:flowact:avatar"
SETTLE_SECONDS: Final = 4.0
"""Before a blow: two snapshots of every session."""
AFTER_SECONDS: Final = 8.0
RAMP_SECONDS: Final = 5.0
STORM_SECONDS: Final = 0.3
NEWCOMERS: Final = 10
IDLERS: Final = 20
CHANGING_SECONDS: Final = 120.0
HEADLESS_SECONDS: Final = 8.0
CALM_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Aftermath:
    """One blow, and what came of it.

    Attributes:
        what: happened.
        figures: measured, by name.
    """

    what: str
    figures: dict[str, float]


@dataclass(frozen=True)
class Battlefield:
    """Where blows fall.

    Attributes:
        page: address of the fleet's page.
        secret: of the fleet.
        viewers: of the two tests of load.
        watching: of the others.
        kill_store: ends the store for good.
        cut_head: leaves Ray without its head's table of everything for some seconds.
        change: deploys the fleet with other replicas of its preset.
    """

    page: str
    secret: str
    viewers: int
    watching: int
    kill_store: Callable[[], None]
    cut_head: Callable[[float], None]
    change: Callable[[Callable[[AvatarPlan], AvatarPlan]], None]


async def ramp(scene: Battlefield) -> Aftermath:
    """Let viewers come in five seconds."""
    return await _load(scene, RAMP_SECONDS, "viewers come in 5 s")


async def storm(scene: Battlefield) -> Aftermath:
    """Let all viewers come at once."""
    return await _load(scene, STORM_SECONDS, "viewers come in 0.3 s")


async def kill_replica(scene: Battlefield) -> Aftermath:
    """SIGKILL to one server."""
    return await _blow(scene, "kill -9 a server", lambda: os.kill(_victim(), 9))


async def stop_replica(scene: Battlefield) -> Aftermath:
    """SIGSTOP to a server and its node, which then are silent; both go on later."""
    victim = _victim()
    silent = (victim, parent(victim))

    def stop() -> None:
        for pid in silent:
            os.kill(pid, signal.SIGSTOP)

    try:
        return await _blow(scene, "a node is silent", stop)
    finally:
        for pid in silent:
            os.kill(pid, signal.SIGCONT)


async def kill_raylet(scene: Battlefield) -> Aftermath:
    """SIGKILL to a node's raylet: its server must not go on beside its replacement."""
    victim = _victim()
    gone: list[float] = []

    async def orphan() -> None:
        began = time.monotonic()
        os.kill(parent(victim), signal.SIGKILL)
        while os.path.exists(f"/proc/{victim}"):  # noqa: PTH110 - a look, no file
            await asyncio.sleep(0.05)
        gone.append(time.monotonic() - began)

    row = await _blow(scene, "kill -9 a raylet", lambda: None, orphan)
    return Aftermath(row.what, row.figures | {"orphan gone after s": gone[0]})


async def kill_gateway(scene: Battlefield) -> Aftermath:
    """SIGKILL to the gateway; then somebody new comes."""
    return await _blow(
        scene, "kill -9 the gateway", lambda: os.kill(processes(GATEWAY)[0], 9), newcomers=1
    )


async def kill_head(scene: Battlefield) -> Aftermath:
    """Let Ray's GCS be gone for eight seconds, in which others come."""

    async def cut() -> None:
        cutting.append(asyncio.create_task(asyncio.to_thread(scene.cut_head, HEADLESS_SECONDS)))
        await asyncio.sleep(1.0)

    cutting: list[asyncio.Task[None]] = []
    what = f"Ray's GCS is gone for {HEADLESS_SECONDS:.0f} s"
    row = await _blow(scene, what, lambda: None, cut, newcomers=NEWCOMERS)
    await asyncio.gather(*cutting)
    return row


async def kill_store(scene: Battlefield) -> Aftermath:
    """End the store for good; then some more come."""
    return await _blow(scene, "the store is gone", scene.kill_store, newcomers=NEWCOMERS)


async def replace_all(scene: Battlefield) -> Aftermath:
    """Replace every server, as an update does, while others come."""

    def updated(plan: AvatarPlan) -> AvatarPlan:
        return replace(plan, settings=replace(plan.settings, state=Path("another")))

    return await _change(scene, "every server is replaced", updated)


async def shrink(scene: Battlefield) -> Aftermath:
    """Deploy the fleet with a server less, while others come."""

    def smaller(plan: AvatarPlan) -> AvatarPlan:
        return replace(plan, least=plan.least - 1, most=plan.most - 1)

    return await _change(scene, "there is one server less", smaller)


async def _change(
    scene: Battlefield, what: str, changed: Callable[[AvatarPlan], AvatarPlan]
) -> Aftermath:
    """Deploy another fleet, and let some come while servers end and begin."""
    before = set(processes(AVATAR))

    async def then() -> None:
        deploying = asyncio.create_task(asyncio.to_thread(scene.change, changed))
        limit = time.monotonic() + CHANGING_SECONDS
        while before & set(processes(AVATAR)) and time.monotonic() < limit:
            await asyncio.sleep(LOOK_SECONDS)
        await deploying

    row = await _blow(scene, what, lambda: None, then, newcomers=NEWCOMERS)
    left = before & set(processes(AVATAR))
    return Aftermath(row.what, row.figures | {"old servers left": float(len(left))})


async def grow(scene: Battlefield) -> Aftermath:
    """Let more come than one server has places for, and leave again, and count the servers."""

    def few(plan: AvatarPlan) -> AvatarPlan:
        settings = replace(plan.settings, sessions=scene.watching // 2)
        return replace(plan, settings=settings, least=1, calm_seconds=CALM_SECONDS)

    await asyncio.to_thread(scene.change, few)
    async with crowd(scene.page, scene.secret) as viewers:
        began, counted = time.monotonic(), [len(processes(AVATAR))]
        coming = asyncio.create_task(viewers.come(scene.watching, RAMP_SECONDS))
        while not coming.done():
            counted.append(len(processes(AVATAR)))
            await asyncio.sleep(LOOK_SECONDS)
        come = await coming
        seated = time.monotonic() - began
    fewer = any(after < before for before, after in pairwise(counted))
    limit = time.monotonic() + CHANGING_SECONDS
    while len(processes(AVATAR)) >= max(counted) and time.monotonic() < limit:
        await asyncio.sleep(LOOK_SECONDS)
    figures = {
        "servers at first": float(counted[0]),
        "at most": float(max(counted)),
        "afterwards": float(len(processes(AVATAR))),
        "all have places after s": seated,
        "fewer while somebody waited": float(fewer),
        "errors": float(sum(len(one.seen.errors) for one in come)),
    }
    await asyncio.to_thread(scene.change, lambda plan: plan)
    return Aftermath(f"{scene.watching} come to {counted[0]} server, and leave", figures)


async def idle_readers(scene: Battlefield) -> Aftermath:
    """Let some viewers read nothing of what is sent to them, after as many who read everything.

    What these cost, with their recordings, those cost too: the rest is what not reading costs.
    """
    async with crowd(scene.page, scene.secret) as viewers:
        others = await viewers.come(scene.watching, RAMP_SECONDS)
        costs = {}
        for reads in (True, False):
            usual = await _growth()
            for _ in range(IDLERS):
                viewers.add(reads=reads)
            _forget(others)
            costs[reads] = (await _growth() - usual) / IDLERS
        each = {"MB for each": costs[False], "of a reader": costs[True]}
        return Aftermath("20 viewers read nothing", _seen(others) | each)


async def _growth() -> float:
    """By how many MB the servers grow in a while."""
    pids = processes(AVATAR)
    before = sum(map(resident_mb, pids))
    await asyncio.sleep(2 * AFTER_SECONDS)
    return sum(map(resident_mb, pids)) - before


def _victim() -> int:
    """Return a server whose node is not the head's: that one's death is another blow."""
    head = parent(processes(CONTROLLER)[0])
    return next(pid for pid in processes(AVATAR) if parent(pid) != head)


async def _load(scene: Battlefield, seconds: float, what: str) -> Aftermath:
    async with crowd(scene.page, scene.secret) as viewers:
        await viewers.come(scene.viewers, seconds)
        joins = [each for one in viewers.viewers for each in one.seen.joins]
        _forget(viewers.viewers)
        await asyncio.sleep(AFTER_SECONDS)
        figures = {"join p50 s": share(joins, 0.5), "join p95 s": share(joins, 0.95)}
        return Aftermath(f"{scene.viewers} {what}", figures | _seen(viewers.viewers))


async def _blow(
    scene: Battlefield,
    what: str,
    strike: Callable[[], None],
    then: Callable[[], Awaitable[None]] | None = None,
    newcomers: int = 0,
) -> Aftermath:
    """Strike while some watch, see how it goes on, and let others come."""
    async with crowd(scene.page, scene.secret) as viewers:
        await viewers.come(scene.watching, RAMP_SECONDS)
        await asyncio.sleep(SETTLE_SECONDS)
        watching = list(viewers.viewers)
        _forget(watching)
        strike()
        if then is not None:
            await then()
        joined = await _join(viewers, newcomers)
        await asyncio.sleep(AFTER_SECONDS)
        await viewers.all_play()
        return Aftermath(f"{scene.watching} watch: {what}", _seen(watching) | joined)


async def _join(viewers: Crowd, count: int) -> dict[str, float]:
    if not count:
        return {}
    come = await viewers.come(count, 1.0)
    joins = [each for one in come for each in one.seen.joins]
    return {"newcomers' join p95 s": share(joins, 0.95)}


def _forget(viewers: list[FleetViewer]) -> None:
    """Look at what comes from now on only."""
    for viewer in viewers:
        seen = viewer.seen
        seen.frames, seen.first = 0, 0.0
        for figures in (seen.frozen, seen.lags, seen.joins):
            figures.clear()


def _seen(viewers: list[FleetViewer]) -> dict[str, float]:
    """What viewers have seen since `_forget`: those who were hit are those whose picture stood still."""
    stood = [sum(one.seen.frozen) for one in viewers if one.seen.frozen]
    lags = [each for one in viewers for each in one.seen.lags]
    rates = [  # of what came between the first chunk and the last
        (one.seen.frames - FRAMES_PER_CHUNK) / max(one.seen.last - one.seen.first, 0.1)
        for one in viewers
    ]
    return {
        "fps": sum(rates) / len(rates),
        "piece p95 ms": share(lags, 0.95) * 1e3,
        "hit": float(len(stood)),
        "stood still p50 s": share(stood, 0.5),
        "stood still p95 s": share(stood, 0.95),
        "begun anew": float(sum(one.seen.anew for one in viewers)),
        "errors": float(sum(len(one.seen.errors) for one in viewers)),
    }


BLOWS: Final[dict[str, Callable[[Battlefield], Awaitable[Aftermath]]]] = {
    "ramp": ramp,
    "storm": storm,
    "kill-replica": kill_replica,
    "stop-replica": stop_replica,
    "kill-raylet": kill_raylet,
    "kill-gateway": kill_gateway,
    "idle-readers": idle_readers,
    "kill-gcs": kill_head,
    "replace": replace_all,
    "shrink": shrink,
    "grow": grow,
    "kill-store": kill_store,
}
"""In the order in which they fall: the last one leaves no store."""
