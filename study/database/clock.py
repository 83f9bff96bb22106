"""One clock for all servers of a study: the database's.

A server whose own clock is ahead would otherwise see pairs expire early, take videos for watched, and begin
rate limits' windows before the others do.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import text

from study.database.storage import Store
from study.errors import StudyError

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0


def clock_of(store: Store) -> Callable[[], float]:
    """Seconds since 1970 for everything that a study stores; a SQLite file has one machine and its clock."""
    return DatabaseClock(store) if store.engine.dialect.name == "postgresql" else time.time


class DatabaseClock:
    """PostgreSQL's time, asked for once a minute and carried on by a clock that never steps.

    It is wrong by half the time that a question takes at most. When the database does not answer, it goes
    on as it was.
    """

    def __init__(self, store: Store, steady: Callable[[], float] = time.monotonic) -> None:
        self._store, self._steady = store, steady
        self._lock = threading.Lock()
        self._offset = self._asked()
        self._refreshed = steady()

    def __call__(self) -> float:
        """Seconds since 1970 on the database's clock."""
        if self._steady() - self._refreshed > REFRESH_SECONDS and self._lock.acquire(
            blocking=False
        ):
            try:
                self._refreshed = self._steady()
                self._offset = self._asked()
            except StudyError as error:
                _log.warning("the database's clock could not be read: %s", error)
            finally:
                self._lock.release()
        return self._steady() + self._offset

    def _asked(self) -> float:
        with self._store.read() as session:
            session.connection()  # waiting for one is not part of the question
            before = self._steady()
            found = session.execute(
                text("SELECT extract(epoch FROM clock_timestamp())")
            ).scalar_one()
            return float(found) - (before + self._steady()) / 2
