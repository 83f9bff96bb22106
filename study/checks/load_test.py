"""`study load`: many simulated participants on a real server process, votes counted afterwards."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import yaml
from sqlalchemy import func, select

from study.checks.simulated_participant import FORMED, PLAYED
from study.database.models import Participant, Trial, Vote
from study.design.builder import read_index
from study.design.config import StudyConfig, load
from study.design.translations import offered
from study.voting import lifecycle, tokens
from study.voting.context import CONFIG_NAME, STIMULI_NAME, StudyContext

TIMEOUT = 600.0  # a machine that does much else starts a server slowly


@dataclass
class Figures:
    """What was measured. Times in milliseconds."""

    people: int
    acknowledged: int = 0
    stored: int = 0
    doubled: int = 0
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
            f"errors {len(self.errors)}",
        ]
        return "\n".join(lines + self.errors[:3])


def measure(folder: Path, people: int, trials: int, think: float) -> Figures:
    """Serve a copy of the study from a fresh database and let everybody vote at once.

    `think` is the mean time in seconds between having watched a pair and voting on it.
    """
    with tempfile.TemporaryDirectory() as temporary:
        context = _copy(folder, Path(temporary), people)
        port = free_port()
        server = start_server(context.directory, port)
        try:
            figures = asyncio.run(_crowd(context, port, people, trials, think))
        finally:
            server.terminate()
            server.wait(timeout=20)
        _count(context, figures)
        context.store.close()
    return figures


def _copy(folder: Path, target: Path, people: int) -> StudyContext:
    """The same study with limits wide enough for one machine playing everybody."""
    config = load(folder / CONFIG_NAME)
    raw = config.model_dump(mode="json")
    raw["database"] = "sqlite:///load.db"
    raw["limits"] |= {"enrolments_per_hour": people, "calls_per_minute": 10**6}
    (target / CONFIG_NAME).write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    shutil.copytree(folder / STIMULI_NAME, target / STIMULI_NAME)
    wide = StudyConfig.model_validate(raw)
    return lifecycle.open_study(target, wide, read_index(target / STIMULI_NAME))


def start_server(directory: Path, port: int) -> subprocess.Popen[bytes]:
    """Start `study serve` as a process of its own and wait until it answers."""
    command = [sys.executable, "-m", "study", "serve", str(directory), "--port", str(port)]
    environment = {key: value for key, value in os.environ.items() if key != "STUDY_DATABASE"}
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/page/options", timeout=2.0)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return server
    server.kill()
    raise RuntimeError(f"the server on port {port} did not answer within {TIMEOUT:.0f} s")


async def _crowd(
    context: StudyContext, port: int, people: int, trials: int, think: float
) -> Figures:
    figures = Figures(people)
    limits = httpx.Limits(max_connections=people, max_keepalive_connections=people)
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, limits=limits, timeout=TIMEOUT) as client:
        crowd = [await _admit(context, client) for _ in range(people)]
        start = time.monotonic()
        forms = context.config.answer_forms
        await asyncio.gather(
            *[
                _votes(client, token, forms, trials, think, figures, n)
                for n, token in enumerate(crowd)
            ]
        )
        figures.seconds = time.monotonic() - start
    return figures


async def _admit(context: StudyContext, client: httpx.AsyncClient) -> str:
    locale = offered(context.config)[0]
    token = str((await _post(client, "enter", {"locale": locale})).json()["participant"])
    body: dict[str, Any] = {"participant": token}
    version = context.config.consent.version
    await _post(client, "consent", body | {"version": version, "locale": locale})
    await _post(client, "sound", body)
    with context.store.read() as session:
        digits = session.scalar(
            select(Participant.challenge).where(Participant.token_hash == tokens.hashed(token))
        )
    device = {"width": 1, "height": 1, "pixel_ratio": 1.0, "touch": False, "can_play": True}
    await _post(client, "check", body | {"answer": digits, "device": device})
    return token


async def _votes(
    client: httpx.AsyncClient,
    token: str,
    forms: dict[str, str],
    trials: int,
    think: float,
    figures: Figures,
    seed: int,
) -> None:
    """One participant: fetch, watch, think, vote; arrival and thinking vary as people do."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    await asyncio.sleep(dice.uniform(0, think))
    try:
        for _ in range(trials):
            started = time.perf_counter()
            served = (await _post(client, "next", {"participant": token})).json()
            figures.nexts.append(1000 * (time.perf_counter() - started))
            if served["done"]:
                return
            for side in ("left", "right"):
                (await client.get(f"/media/{served[side]}")).raise_for_status()
            await asyncio.sleep(served["seconds"] + dice.uniform(0.5, 1.5) * think)
            ballot = _ballot(token, served, forms, dice)
            started = time.perf_counter()
            await _post(client, "vote", ballot)
            figures.votes.append(1000 * (time.perf_counter() - started))
            figures.acknowledged += 1
    except (httpx.HTTPError, KeyError, ValueError) as error:
        figures.errors.append(f"{type(error).__name__}: {error}")


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


async def _post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> httpx.Response:
    reply = await client.post(f"/api/{path}", json=body)
    reply.raise_for_status()
    return reply


def _count(context: StudyContext, figures: Figures) -> None:
    with context.store.read() as session:
        figures.stored = session.scalar(select(func.count()).select_from(Vote)) or 0
        trials = session.scalar(select(func.count(func.distinct(Vote.trial_id)))) or 0
        voted = session.scalar(
            select(func.count()).select_from(Trial).where(Trial.voted_at.is_not(None))
        )
    figures.doubled = figures.stored - trials
    if voted != figures.stored:
        figures.errors.append(f"{voted} trials are marked as voted, {figures.stored} votes stored")


def _percentiles(times: list[float]) -> str:
    if not times:
        return "none"
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, max {max(times):.0f} ms"


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
