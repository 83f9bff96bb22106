"""What operators see while votes come in: coverage and quality, with systems hidden behind letters."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import func, select

from study.analysis.dataset import Dataset, exclusions, judgements
from study.database.models import Participant, RateCount, Trial
from study.design.assignment import draw
from study.voting import participants, quality
from study.voting.context import StudyContext
from study.voting.trials import coverage, read_design


@dataclass(frozen=True)
class PersonRow:
    """One participant as listed for operators."""

    code: str
    state: str
    votes: int
    used: int
    verdict: str
    reasons: str
    excluded: str
    minutes: float | None


@dataclass(frozen=True)
class Overview:
    """The state of a study. Comparisons are letters, so that nobody sees who is ahead.

    `minutes` is the median time of those who finished, from their first pair to their last vote; so is that of
    each person.
    """

    state: str
    states: dict[str, int]
    votes: int
    coverage: dict[tuple[str, str], int]
    verdicts: dict[str, int]
    reasons: dict[str, int]
    alarms: list[str]
    people: list[PersonRow]
    minutes: float | None


def overview(context: StudyContext, dataset: Dataset) -> Overview:
    """Gather the numbers from the data and the open trials."""
    verdicts = judgements(dataset)
    excluded = exclusions(dataset)
    records = dataset.records()
    votes = {code: len(own) for code, own in records.items()}
    finished = [verdicts[p.code].verdict for p in dataset.people if p.state == "finished"]
    reasons = Counter(reason for part in verdicts.values() for reason in part.reasons)
    return Overview(
        state=str(dataset.meta["state"]),
        states=dict(Counter(person.state for person in dataset.people)),
        votes=len(dataset.votes),
        coverage=blind_coverage(context),
        verdicts=dict(Counter(part.verdict for code, part in verdicts.items() if votes[code])),
        reasons=dict(reasons),
        alarms=[] if dataset.meta["state"] == "closed" else _alarms(context, dataset, finished),
        people=[
            PersonRow(
                code=person.code,
                state=person.state,
                votes=votes[person.code],
                used=_used(records[person.code], verdicts[person.code]),
                verdict=verdicts[person.code].verdict if votes[person.code] else "",
                reasons=", ".join(verdicts[person.code].reasons),
                excluded=excluded.get(person.code, ""),
                minutes=_minutes(records[person.code]),
            )
            for person in dataset.people
        ],
        minutes=_median(
            [_minutes(records[p.code]) for p in dataset.people if p.state == "finished"]
        ),
    )


def blind_coverage(context: StudyContext) -> dict[tuple[str, str], int]:
    """Pairs shown by (letter of the comparison, number of the item)."""
    now = context.clock()
    with context.store.read() as session:
        design = read_design(session, context.config)
        shown = coverage(session, design, now)
    pairs = list(dict.fromkeys((cell.first, cell.second) for cell in design.cells))
    pairs.sort(key=lambda pair: draw(context.config.seed, "letters", *pair))
    letter = {pair: string.ascii_uppercase[n % 26] * (1 + n // 26) for n, pair in enumerate(pairs)}
    counts: Counter[tuple[str, str]] = Counter()
    for cell in design.cells:
        key = (f"Comparison {letter[cell.first, cell.second]}", f"item {cell.item}")
        counts[key] += 0
    for display, number in shown.items():
        cell = display.cell
        counts[f"Comparison {letter[cell.first, cell.second]}", f"item {cell.item}"] += number
    return dict(counts)


class Traffic(NamedTuple):
    """Who is there now.

    Attributes:
        busy: participants in the middle of a pair.
        entered: within the last hour.
        shut: networks from which nobody else may begin within this hour.
    """

    busy: int
    entered: int
    shut: int


def traffic(context: StudyContext) -> Traffic:
    """Count who is there now."""
    now, most = context.clock(), context.config.limits.enrolments_per_hour
    full = select(func.count()).where(
        RateCount.key.startswith(participants.NETWORK),
        RateCount.window == int(now // participants.NETWORK_SECONDS),
        RateCount.count >= most,
    )
    with context.store.read() as session:
        busy = session.scalar(
            select(func.count(func.distinct(Trial.participant_id))).where(
                Trial.voted_at.is_(None), Trial.expires_at > now
            )
        )
        new = session.scalar(
            select(func.count()).select_from(Participant).where(Participant.created_at > now - 3600)
        )
        shut = session.scalar(full)
    return Traffic(int(busy or 0), int(new or 0), int(shut or 0))


def _alarms(context: StudyContext, dataset: Dataset, finished: list[quality.Verdict]) -> list[str]:
    return quality.alarms(finished or _vote_verdicts(dataset), context.config.quality)


def _used(records: Sequence[Mapping[str, Any]], judged: quality.Judgement) -> int:
    """How many of a person's votes on pairs of systems enter the primary analysis."""
    return sum(
        record["kind"] == "main"
        and quality.combine([judged, quality.Judgement(record["verdict"])]).verdict != "fail"
        for record in records
    )


def _minutes(own: Sequence[Mapping[str, Any]]) -> float | None:
    """From one person's first pair to the last vote, by the records of votes in order."""
    if not own:
        return None
    seconds = own[-1]["received_at"] - own[0]["received_at"] + own[0]["seconds_since_served"]
    return float(seconds) / 60


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _vote_verdicts(dataset: Dataset) -> list[quality.Verdict]:
    """While nobody has finished, the newest votes tell whether something is broken."""
    return [vote.record["verdict"] for vote in dataset.votes]
