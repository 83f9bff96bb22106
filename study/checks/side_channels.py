"""Does anything but the picture tell the systems apart: sizes, headers, the time to a reply?"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sqlalchemy import select

from study.checks.simulated_participant import Client
from study.database.models import MediaToken, Trial
from study.design.builder import Index
from study.voting import tokens
from study.voting.context import StudyContext

ROUNDS = 6  # fetches of every clip; the first, which fills caches, is not counted
CHANCE = 0.05
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
    return "" if p > TIMING_CHANCE else f"the time to a reply tells the systems apart (p = {p:.1g})"


def told_by_sizes(index: Index, outside_media: Mapping[str, int]) -> str:
    """A sentence when a classifier on sizes and durations beats chance.

    `outside_media` gives for every file the bytes that are neither picture nor sound.
    """
    plain = index.plain()
    first = plain[0].system
    labels = np.array([int(row.system != first) for row in plain])
    features = np.array(
        [[row.bytes, row.frames, row.duration_ms, outside_media[row.file]] for row in plain], float
    )
    p = separability(features, labels)
    return "" if p > CHANCE else f"a classifier tells {first!r} from the others (p = {p:.3f})"


def separability(features: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """P value of a leave-one-out nearest-mean classifier against chance.

    features [clips, values], labels [clips]: 0 candidate, 1 other. Values that never vary are left out;
    without any other there is nothing to learn from and p is 1.
    """
    varying = features[:, features.std(axis=0) > 0]
    if not varying.shape[1] or min(np.bincount(labels, minlength=2)) < 2:
        return 1.0
    scaled = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    right = 0
    for left_out in range(len(labels)):
        kept = np.arange(len(labels)) != left_out
        means = [scaled[kept & (labels == label)].mean(axis=0) for label in (0, 1)]
        distance = [float(((scaled[left_out] - mean) ** 2).sum()) for mean in means]
        right += int((distance[1] < distance[0]) == labels[left_out])
    chance = max(np.bincount(labels)) / len(labels)
    return float(stats.binomtest(right, len(labels), chance, alternative="greater").pvalue)


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
