"""Everything that the numbers are made of, from the database or from an exported bundle alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select

from study.database import ledger
from study.database.ledger import LedgerEntry
from study.database.models import Item, Participant, System, Vote
from study.design import builder
from study.design.config import StudyConfig
from study.voting import participants, quality
from study.voting.context import StudyContext, study_row
from study.voting.quality import Judgement


@dataclass(frozen=True)
class StoredVote:
    """A vote's record, word for word, with the salt and digest that tie it to the ledger."""

    record: dict[str, Any]
    salt: str
    digest: str


@dataclass(frozen=True)
class Person:
    """A participant without anything that points to a human being."""

    code: str
    state: str
    locale: str
    consent_version: str | None
    consent_hash: str | None
    finished_at: float | None
    facts: dict[str, Any]  # device, and answers about themselves
    salt: str


@dataclass(frozen=True)
class Dataset:
    """One study's data. `systems` maps keys to roles, in the order of the manifest.

    `clips` is the index of the built clips, whose hash the study was opened with. `meta` holds name, state,
    hashes and times of the study and the number of its items.
    """

    config: StudyConfig
    meta: dict[str, Any]
    systems: dict[str, str]
    people: tuple[Person, ...]
    clips: dict[str, Any]
    votes: tuple[StoredVote, ...]
    entries: tuple[LedgerEntry, ...]

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The vote records of every participant (by code) in order of position."""
        found: dict[str, list[dict[str, Any]]] = {person.code: [] for person in self.people}
        for vote in sorted(self.votes, key=lambda vote: int(vote.record["position"])):
            found.setdefault(vote.record["participant"], []).append(vote.record)
        return found


def read(context: StudyContext) -> Dataset:
    """The data of a running or closed study, in one consistent state."""
    with context.store.read() as session:
        row = study_row(session)
        people = session.scalars(select(Participant).order_by(Participant.id))
        votes = session.scalars(select(Vote).order_by(Vote.id))
        items = session.scalar(select(func.count()).select_from(Item))
        meta = {
            name: getattr(row, name)
            for name in ("name", "state", "config_hash", "stimuli_hash", "opened_at", "closed_at")
        }
        return Dataset(
            config=context.config,
            meta=meta | {"revealed_at": row.revealed_at, "items": items},
            systems={s.key: s.role for s in session.scalars(select(System).order_by(System.id))},
            people=tuple(_person(row) for row in people),
            clips=asdict(builder.read_index(context.stimuli)),
            votes=tuple(StoredVote(vote.record, vote.salt, vote.digest) for vote in votes),
            entries=tuple(ledger.read(session)),
        )


def _person(row: Participant) -> Person:
    return Person(
        code=row.code,
        state=row.state,
        locale=row.locale,
        consent_version=row.consent_version,
        consent_hash=row.consent_hash,
        finished_at=None if row.finished_at is None else round(row.finished_at, 3),
        facts=participants.facts(row),
        salt=row.salt,
    )


def exclusions(dataset: Dataset) -> dict[str, str]:
    """Participants that an operator excluded, with the reason, from the ledger."""
    return {body["participant"]: body["reason"] for body in _bodies(dataset, "excluded")}


def excluded_after_unblinding(dataset: Dataset) -> list[str]:
    """Those of `exclusions` that were decided when the results could be seen."""
    closed = [entry.seq for entry in dataset.entries if entry.kind in ("closed", "revealed")]
    return [
        entry.body["participant"]
        for entry in dataset.entries
        if entry.kind == "excluded" and closed and entry.seq > closed[0]
    ]


def judgements(dataset: Dataset) -> dict[str, Judgement]:
    """The verdict on every participant: own votes, external check, operator."""
    excluded, records = exclusions(dataset), dataset.records()
    service = {body["participant"]: body["verdict"] for body in _bodies(dataset, "service")}
    unasked = "unchecked" if dataset.config.quality.service_url else "pass"
    return {
        person.code: quality.combine(
            [
                Judgement("fail", ("operator",)) if person.code in excluded else Judgement("pass"),
                _service(service.get(person.code, unasked)),
                quality.judge_participant(records[person.code], dataset.config),
            ]
        )
        for person in dataset.people
    }


def _bodies(dataset: Dataset, kind: str) -> list[dict[str, Any]]:
    return [entry.body for entry in dataset.entries if entry.kind == kind]


def _service(verdict: str) -> Judgement:
    if verdict == "pass":
        return Judgement("pass")
    return Judgement("fail" if verdict == "fail" else "unchecked", ("service",))
