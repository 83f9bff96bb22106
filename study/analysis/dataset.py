"""Everything that the numbers are made of, from the database or from an exported bundle alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from study.database import ledger
from study.database.ledger import LedgerEntry
from study.database.models import Item, Participant, System, Vote
from study.design.config import StudyConfig
from study.voting import quality
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


@dataclass(frozen=True)
class Dataset:
    """One study's data. `systems` maps keys to roles, in the order of the manifest.

    `meta` holds name, state, hashes and times of the study and the number of its items.
    """

    config: StudyConfig
    meta: dict[str, Any]
    systems: dict[str, str]
    people: tuple[Person, ...]
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
            people=tuple(Person(p.code, p.state, p.locale, p.consent_version) for p in people),
            votes=tuple(StoredVote(vote.record, vote.salt, vote.digest) for vote in votes),
            entries=tuple(ledger.read(session)),
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
