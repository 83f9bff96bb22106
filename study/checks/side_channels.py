"""Does anything but the picture tell the systems apart: headers, the time to a reply?"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from sqlalchemy import select

from study.checks.simulated_participant import Client
from study.database.models import MediaToken, Trial
from study.design.builder import Index
from study.voting import tokens
from study.voting.context import StudyContext

ROUNDS = 6  # fetches of every clip; the first, which fills caches, is not counted
TIMING_CHANCE = 0.001  # a busy machine's clock is noisy, and an audit is run often


@dataclass(frozen=True)
class Fetch:
    """One clip as the browser gets it; seconds from request to reply."""

    system: str
    item: str
    seconds: float
    headers: Mapping[str, str]


def fetch_all(client: Client, context: StudyContext, index: Index) -> list[Fetch]:
    """Fetch every compared clip several times in mixed order, each time under a fresh address."""
    dice = random.Random(context.config.seed)  # noqa: S311 - an order, not a secret
    fetched = []
    for number in range(ROUNDS):
        clips = list(index.plain())
        dice.shuffle(clips)
        for clip in clips:
            address = _address(context, clip.file)
            started = time.perf_counter()
            reply = client.get(f"/media/{address}")
            seconds = time.perf_counter() - started
            if number:
                fetched.append(Fetch(clip.system, clip.item, seconds, dict(reply.headers)))
    return fetched


def told_by_headers(fetched: Sequence[Fetch]) -> str:
    """A sentence about a header in which the clips of one item differ, "" when there is none."""
    first: dict[str, Fetch] = {}
    for fetch in fetched:
        known = first.setdefault(fetch.item, fetch)
        names = sorted(known.headers.keys() | fetch.headers.keys())
        for name in names:
            if known.headers.get(name) != fetch.headers.get(name):
                return f"item {fetch.item!r}: the header {name} differs between systems"
    return ""


def told_by_timing(fetched: Sequence[Fetch]) -> str:
    """A sentence when the systems' times to a reply differ by more than chance.

    Kruskal-Wallis on times centred by item, because longer clips take longer in every system.
    """
    items: dict[str, list[float]] = {}
    for fetch in fetched:
        items.setdefault(fetch.item, []).append(fetch.seconds)
    usual = {item: float(np.median(times)) for item, times in items.items()}
    systems: dict[str, list[float]] = {}
    for fetch in fetched:
        systems.setdefault(fetch.system, []).append(fetch.seconds - usual[fetch.item])
    p = stats.kruskal(*systems.values()).pvalue
    return (
        ""
        if p > TIMING_CHANCE
        else (
            f"the time to a reply tells the systems apart (p = {p:.1g}); run the audit again while nothing else runs"
        )
    )


def _address(context: StudyContext, file: str) -> str:
    """A fresh address for a clip, hung on some pair that was served before."""
    token = tokens.fresh()
    with context.store.write(durable=False) as session:
        trial = session.scalars(select(Trial.id).limit(1)).one()
        session.add(
            MediaToken(
                hash=tokens.hashed(token),
                trial_id=trial,
                side="left",
                file=file,
                expires_at=context.clock() + 3600,
            )
        )
    return token
