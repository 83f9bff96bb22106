"""`study load`: many simulated participants on a real server process, votes counted afterwards."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml
from sqlalchemy import func, select

from study.checks.server_processes import TIMEOUT, ServerProcesses, Turns
from study.checks.simulated_participant import FORMED, PLAYED
from study.database import ledger
from study.database.models import Participant, Trial, Vote
from study.design.builder import read_index
from study.design.config import StudyConfig
from study.design.config import load as load_config
from study.design.translations import offered
from study.errors import StudyError
from study.voting import lifecycle, tokens
from study.voting.context import CONFIG_NAME, STIMULI_NAME, StudyContext, require_shareable

FORGOTTEN = frozenset({404, 425})
"""Answers to a vote on a pair, or after a fetch, that a database which crashed had not written down yet."""


@dataclass(frozen=True)
class Load:
    """How many participants vote on how many pairs each, and the mean time between watching and voting, in seconds."""

    people: int
    trials: int
    think: float


@dataclass
class Figures:
    """What was measured. Times in milliseconds."""

    people: int
    acknowledged: int = 0
    stored: int = 0
    doubled: int = 0
    repeated: int = 0
    errors: list[str] = field(default_factory=list)
    votes: list[float] = field(default_factory=list)
    nexts: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """No error, no lost vote, no double vote."""
        return not self.errors and self.acknowledged == self.stored and not self.doubled

    def text(self) -> str:
        """The figures in a few lines."""
        lines = [
            f"{self.people} participants, {self.acknowledged} votes acknowledged in "
            f"{self.seconds:.1f} s ({self.acknowledged / max(self.seconds, 1e-9):.1f} votes/s)",
            f"vote: {_percentiles(self.votes)}",
            f"next: {_percentiles(self.nexts)}",
            f"stored {self.stored}, lost {self.acknowledged - self.stored}, double {self.doubled}, "
            f"errors {len(self.errors)}, requests repeated {self.repeated}",
        ]
        return "\n".join(lines + self.errors[:3])


def measure(
    folder: Path,
    load: Load,
    servers: int = 1,
    database: str = "sqlite:///load.db",
    meanwhile: Callable[[ServerProcesses], None] | None = None,
) -> Figures:
    """Serve a copy of the study from an empty database and let everybody vote at once.

    `meanwhile` is called once, when a third of the votes are there. Whatever it does to the servers, the
    participants go on: with the next server, as a proxy would, and for a minute, as the page would.
    """
    require_shareable(database, servers)
    with tempfile.TemporaryDirectory() as temporary:
        context = _copy(folder, Path(temporary), load.people, database)
        processes = ServerProcesses(context.directory, servers)
        try:
            figures = asyncio.run(_crowd(context, processes, load, meanwhile))
        finally:
            processes.stop()
        _count(context, figures)
        context.store.close()
    return figures


def _copy(folder: Path, target: Path, people: int, database: str) -> StudyContext:
    """The same study with limits wide enough for one machine playing everybody."""
    config = load_config(folder / CONFIG_NAME)
    raw = config.model_dump(mode="json")
    raw["database"] = database
    raw["limits"] |= {"enrolments_per_hour": people, "calls_per_minute": 10**6}
    (target / CONFIG_NAME).write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    shutil.copytree(folder / STIMULI_NAME, target / STIMULI_NAME)
    wide = StudyConfig.model_validate(raw)
    context = lifecycle.open_study(target, wide, read_index(target / STIMULI_NAME), url=database)
    with context.store.read() as session:
        if session.scalar(select(func.count()).select_from(Participant)):
            raise StudyError(
                f"{context.store.url}: holds participants already, expected an empty one"
            )
    return context


async def _crowd(
    context: StudyContext,
    processes: ServerProcesses,
    load: Load,
    meanwhile: Callable[[ServerProcesses], None] | None,
) -> Figures:
    figures = Figures(load.people)
    limits = httpx.Limits(max_connections=load.people, max_keepalive_connections=load.people)
    async with httpx.AsyncClient(limits=limits, timeout=TIMEOUT) as client:
        servers = Turns(client, processes.addresses, 60.0 if meanwhile else 0.0)
        crowd = [await _admit(context, servers) for _ in range(load.people)]
        start = time.monotonic()
        forms = context.config.answer_forms
        voters = [
            asyncio.create_task(_votes(servers, token, forms, load, figures, n))
            for n, token in enumerate(crowd)
        ]
        if meanwhile:
            while 3 * figures.acknowledged < load.people * load.trials and not all(
                voter.done() for voter in voters
            ):
                await asyncio.sleep(0.02)
            await asyncio.to_thread(meanwhile, processes)
        await asyncio.gather(*voters)
        figures.seconds = time.monotonic() - start
        figures.repeated = servers.repeated
    return figures


async def _admit(context: StudyContext, servers: Turns) -> str:
    locale = offered(context.config)[0]
    token = str((await servers.post("enter", {"locale": locale})).json()["participant"])
    body: dict[str, Any] = {"participant": token}
    version = context.config.consent.version
    await servers.post("consent", body | {"version": version, "locale": locale})
    await servers.post("sound", body)
    with context.store.read() as session:
        digits = session.scalar(
            select(Participant.challenge).where(Participant.token_hash == tokens.hashed(token))
        )
    device = {"width": 1, "height": 1, "pixel_ratio": 1.0, "touch": False, "can_play": True}
    await servers.post("check", body | {"answer": digits, "device": device})
    return token


async def _votes(
    servers: Turns, token: str, forms: dict[str, str], load: Load, figures: Figures, seed: int
) -> None:
    """One participant: fetch, watch, think, vote; arrival and thinking vary as people do."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    await asyncio.sleep(dice.uniform(0, load.think))
    try:
        for _ in range(load.trials):
            while not await _pair(servers, token, forms, load, figures, dice):
                servers.repeated += 1
    except (httpx.HTTPError, KeyError, ValueError) as error:
        figures.errors.append(f"{type(error).__name__}: {error}")


async def _pair(
    servers: Turns,
    token: str,
    forms: dict[str, str],
    load: Load,
    figures: Figures,
    dice: random.Random,
) -> bool:
    """Vote on the next pair; false if a database that crashed has forgotten it, so that it is given again."""
    started = time.perf_counter()
    served = (await servers.post("next", {"participant": token})).json()
    figures.nexts.append(1000 * (time.perf_counter() - started))
    if served["done"]:
        return True
    try:
        for side in ("left", "right"):
            await servers.get(f"media/{served[side]}")
        await asyncio.sleep(served["seconds"] + dice.uniform(0.5, 1.5) * load.think)
        ballot = _ballot(token, served, forms, dice)
        started = time.perf_counter()
        await servers.post("vote", ballot)
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in FORGOTTEN or not servers.patient:
            raise
        return False
    figures.votes.append(1000 * (time.perf_counter() - started))
    figures.acknowledged += 1
    return True


def _ballot(
    token: str, served: dict[str, Any], forms: dict[str, str], dice: random.Random
) -> dict[str, Any]:
    choices = {}
    for name in served["dimensions"]:
        given = dice.choice(["left", "same", "right"])
        choices[name] = FORMED[forms[name]].get(given, given)
    return {
        "participant": token,
        "trial": served["trial"],
        "request_id": str(uuid.UUID(int=dice.getrandbits(128))),
        "choices": choices,
        "playback": PLAYED,
    }


def _count(context: StudyContext, figures: Figures) -> None:
    with context.store.read() as session:
        figures.stored = session.scalar(select(func.count()).select_from(Vote)) or 0
        trials = session.scalar(select(func.count(func.distinct(Vote.trial_id)))) or 0
        voted = session.scalar(
            select(func.count()).select_from(Trial).where(Trial.voted_at.is_not(None))
        )
        broken = ledger.first_invalid_entry(ledger.read(session))
    figures.doubled = figures.stored - trials
    if voted != figures.stored:
        figures.errors.append(f"{voted} trials are marked as voted, {figures.stored} votes stored")
    if broken is not None:
        figures.errors.append(f"the ledger is broken at entry {broken}")


def _percentiles(times: list[float]) -> str:
    if not times:
        return "none"
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, max {max(times):.0f} ms"
