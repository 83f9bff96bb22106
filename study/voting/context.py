"""What every request needs: the configuration, the database, the clips and a clock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from study.database import storage
from study.database.clock import clock_of
from study.database.models import StudyRow
from study.database.storage import Store
from study.design.config import StudyConfig, load
from study.errors import Refused, StudyError

CONFIG_NAME = "study.yaml"
STIMULI_NAME = "stimuli"
AUDIT_NAME = "audit.json"
MANIFEST_NAMES = ("manifest.json", "manifest.csv")  # as imported, as written by the operator
DATABASE_VARIABLE = "STUDY_DATABASE"
SERVERS_VARIABLE = "STUDY_SERVERS"


@dataclass(frozen=True)
class StudyContext:
    """A study that can be served. `clock` gives seconds since 1970."""

    directory: Path
    config: StudyConfig
    store: Store
    clock: Callable[[], float] = time.time

    @property
    def stimuli(self) -> Path:
        """Folder of the built clips."""
        return self.directory / STIMULI_NAME


def database_url(config: StudyConfig) -> str:
    """The database of a study; the environment wins, so that a password stays out of the file.

    Raises StudyError for a SQLite file where STUDY_SERVERS says that there is more than one server: each
    would have votes of its own.
    """
    url = os.environ.get(DATABASE_VARIABLE) or config.database
    servers = os.environ.get(SERVERS_VARIABLE) or "1"
    if not servers.isdecimal() or int(servers) < 1:
        raise StudyError(f"{SERVERS_VARIABLE} is {servers!r}; expected how many servers there are")
    require_shareable(url, int(servers))
    return url


def require_shareable(url: str, servers: int) -> None:
    """Raise StudyError for a SQLite file where there is more than one server."""
    if servers > 1 and storage.is_sqlite(url):
        raise StudyError(
            f"{servers} servers cannot share the SQLite database {url!r}: set {DATABASE_VARIABLE} "
            "to a PostgreSQL URL"
        )


def attach(directory: Path, clock: Callable[[], float] | None = None) -> StudyContext:
    """Open a study that `study open` has prepared; refuses one whose rules changed since.

    Without a `clock` the database's is taken, which all servers share.
    """
    config = load(directory / CONFIG_NAME)
    store = storage.connect(database_url(config), directory)
    with store.read() as session:
        row = session.get(StudyRow, 1)
    if row is None:
        raise StudyError(f"{store.url}: no study was opened here; run `study open`")
    if row.config_hash != config.hash():
        raise StudyError(
            f"{directory / CONFIG_NAME}: changed since the study was opened, or was opened "
            "by an earlier version of this program; restore it, "
            "or collect votes under the new rules in a new folder"
        )
    return StudyContext(directory, config, store, clock or clock_of(store))


def study_row(session: Session) -> StudyRow:
    """The study's row."""
    row = session.get(StudyRow, 1)
    if row is None:
        raise StudyError("the database holds no study; run `study open`")
    return row


def require_open(session: Session) -> StudyRow:
    """The study's row; raises Refused when no votes are taken now."""
    row = study_row(session)
    if row.state != "open":
        raise Refused(409, f"study_{row.state}", f"the study is {row.state}")
    return row
