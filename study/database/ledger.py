"""The audit rows: append-only, each one's hash covering the one before it.

The rows hold digests, not votes, so that a participant's votes can be erased without breaking the chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from study import canonical
from study.database.models import LedgerRow

GENESIS = "0" * 64


@dataclass(frozen=True)
class LedgerEntry:
    """One row of the ledger, as exported."""

    seq: int
    at: float
    kind: str
    body: dict[str, Any]
    previous: str
    hash: str


def append(session: Session, now: float, kind: str, body: dict[str, Any]) -> str:
    """Add a row after the last one and return its hash. Needs the write lock."""
    last = session.scalar(select(LedgerRow).order_by(LedgerRow.seq.desc()).limit(1))
    seq, previous = (last.seq + 1, last.hash) if last else (1, GENESIS)
    at = round(now, 3)
    row = LedgerRow(seq=seq, at=at, kind=kind, body=body, previous=previous, hash="")
    row.hash = row_hash(LedgerEntry(seq, at, kind, body, previous, ""))
    session.add(row)
    session.flush()
    return row.hash


def row_hash(entry: LedgerEntry) -> str:
    """What `hash` must be for the other fields."""
    return canonical.digest([entry.seq, entry.at, entry.kind, entry.body, entry.previous])


def read(session: Session) -> list[LedgerEntry]:
    """All rows in order."""
    rows = session.scalars(select(LedgerRow).order_by(LedgerRow.seq))
    return [LedgerEntry(r.seq, r.at, r.kind, r.body, r.previous, r.hash) for r in rows]


def first_invalid_entry(entries: Iterable[LedgerEntry]) -> str | None:
    """A sentence about the first row that does not follow from its predecessor, None if all do."""
    previous = GENESIS
    for seq, entry in enumerate(entries, start=1):
        if entry.seq != seq or entry.previous != previous:
            return f"audit row {entry.seq} does not follow row {seq - 1}"
        if row_hash(entry) != entry.hash:
            return f"audit row {entry.seq} was altered: its hash does not match its content"
        previous = entry.hash
    return None
