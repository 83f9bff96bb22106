"""The life of a study: opened once, paused and resumed at will, closed for good."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from study.database import ledger, storage
from study.database.clock import clock_of
from study.database.models import (
    DailySalt,
    Exclusion,
    Item,
    LedgerRow,
    Participant,
    RateCount,
    StimulusRow,
    StudyRow,
    System,
)
from study.database.storage import Store
from study.design.builder import Index
from study.design.config import StudyConfig
from study.errors import StudyError
from study.voting.context import StudyContext, database_url, study_row

_log = logging.getLogger(__name__)


def open_study(
    directory: Path,
    config: StudyConfig,
    index: Index,
    clock: Callable[[], float] | None = None,
    url: str | None = None,
) -> StudyContext:
    """Create the database and fill in the design; a study that is there is left in its state.

    Several servers may do so at once. A `url` is a database beside the study's own, for a rehearsal or a
    preview. Without a `clock` the database's is taken, which all servers share.

    Raises StudyError when the database holds another study or one under other rules.
    """
    store = storage.create(url or database_url(config), directory)
    clock = clock or clock_of(store)
    with store.write() as session:
        row = session.get(StudyRow, 1)
        if row is None:
            now = clock()
            _fill(session, config, index, now)
            ledger.append(session, now, "opened", _opened(session, config, index))
        elif (row.config_hash, row.stimuli_hash) != (config.hash(), index.hash()):
            raise StudyError(
                f"{store.url}: holds study {row.name!r} under other rules or other clips; "
                "use a new folder or a new database"
            )
    return StudyContext(directory, config, store, clock)


def set_state(store: Store, state: str, now: float) -> None:
    """Pause (`paused`), resume (`open`) or close (`closed`, final)."""
    with store.write() as session:
        row = study_row(session)
        if row.state == "closed":
            raise StudyError(f"study {row.name!r} is closed and stays closed")
        if row.state == state:
            return
        row.state = state
        if state == "closed":
            row.closed_at = now
            for counted in (
                DailySalt,
                RateCount,
            ):  # no trace of a participant's network stays
                session.execute(delete(counted))
        ledger.append(session, now, {"open": "resumed"}.get(state, state), {})
    _log.info("the study is %s", state)


def exclude(store: Store, code: str, reason: str, now: float) -> None:
    """Leave a participant out of the primary analysis; the votes stay.

    Possible after closing too: the report counts such exclusions apart from those before.
    """
    if not reason.strip():
        raise StudyError("an exclusion needs a reason")
    with store.write() as session:
        person = session.scalar(select(Participant).where(Participant.code == code))
        if person is None:
            raise StudyError(f"there is no participant {code!r}")
        if session.scalar(select(Exclusion).where(Exclusion.participant_id == person.id)):
            raise StudyError(f"participant {code!r} is excluded already")
        session.add(Exclusion(participant_id=person.id, reason=reason, decided_at=now))
        ledger.append(session, now, "excluded", {"participant": code, "reason": reason})


def mark_revealed(store: Store, now: float) -> None:
    """Remember that results by system were seen while votes were still being taken."""
    with store.write() as session:
        row = study_row(session)
        if row.state == "closed" or row.revealed_at is not None:
            return
        row.revealed_at = now
        ledger.append(session, now, "revealed", {})


def note_export(store: Store, kind: str, body: dict[str, Any], now: float) -> None:
    """Tie what was exported to the ledger; the same once more adds nothing."""
    with store.write() as session:
        newest = select(LedgerRow).where(LedgerRow.kind == kind).order_by(LedgerRow.seq.desc())
        row = session.scalar(newest.limit(1))
        if row is None or row.body != body:
            ledger.append(session, now, kind, body)


def _opened(session: Session, config: StudyConfig, index: Index) -> dict[str, Any]:
    """What the ledger says of the design, so that a bundle cannot be given another one."""
    systems = session.scalars(select(System).order_by(System.id))
    return {
        "name": config.name,
        "config": config.hash(),
        "stimuli": index.hash(),
        "systems": [[system.key, system.role] for system in systems],
        "items": session.scalar(select(func.count()).select_from(Item)),
    }


def _fill(session: Session, config: StudyConfig, index: Index, now: float) -> None:
    roles = {config.candidate: "candidate", config.anchor or "": "anchor"}
    keys = dict.fromkeys(stimulus.system for stimulus in index.stimuli)
    systems = {key: System(key=key, role=roles.get(key, "baseline")) for key in keys}
    items = {key: Item(key=key) for key in dict.fromkeys(row.item for row in index.stimuli)}
    session.add_all([*systems.values(), *items.values()])
    session.flush()
    for built in index.stimuli:
        session.add(
            StimulusRow(
                system_id=systems[built.system].id,
                item_id=items[built.item].id,
                variant=built.variant,
                file=built.file,
                sha256=built.sha256,
                bytes=built.bytes,
                duration_ms=built.duration_ms,
            )
        )
    session.add(
        StudyRow(
            id=1,
            name=config.name,
            config=config.model_dump(mode="json", exclude={"database"}),
            config_hash=config.hash(),
            stimuli_hash=index.hash(),
            state="open",
            opened_at=now,
        )
    )
    session.flush()
