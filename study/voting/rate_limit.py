"""Rate limits counted in the database, so that they hold over several processes and restarts."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from study.database.models import RateCount
from study.errors import Refused


def count(
    session: Session, key: str, now: float, seconds: float, limit: int, code: str = "too_many"
) -> None:
    """Count one call of `key`; raises Refused 429 with `code` when `limit` calls in `seconds` are used up.

    Fixed windows: cheap, and at worst twice the limit passes around a border. Needs the write lock.
    """
    window = int(now // seconds)
    row = session.get(RateCount, key)
    if row is None:
        row = RateCount(key=key, window=window, count=0)
        session.add(row)
    if row.window != window:
        row.window, row.count = window, 0
    if row.count >= limit:
        raise Refused(429, code, f"more than {limit} calls in {seconds:.0f} s; wait a moment")
    row.count += 1


def forget(session: Session, key: str) -> None:
    """Begin the count of `key` anew. Needs the write lock."""
    session.execute(delete(RateCount).where(RateCount.key == key))
