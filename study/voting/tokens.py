"""Secrets: 128-bit random tokens, stored as hashes; addresses are only counted, under a daily salt."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from study.database.models import DailySalt


def fresh() -> str:
    """A new random token of 128 bits, 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


def short_code(prefix: str) -> str:
    """A random public name without meaning, for example p-3f9a0c21e4."""
    return f"{prefix}-{secrets.token_hex(5)}"


def hashed(token: str) -> str:
    """SHA-256 (hex) of a token: what the database keeps."""
    return hashlib.sha256(token.encode()).hexdigest()


def daily_hash(session: Session, value: str, now: float) -> str:
    """Keyed hash of an address under today's salt, for a rate limit's key; older salts are deleted.

    A request from just before midnight that comes after one of the new day is counted with the new day.
    """
    day = time.strftime("%Y-%m-%d", time.gmtime(now))
    newest = select(DailySalt).where(DailySalt.day >= day).order_by(DailySalt.day.desc())
    row = session.scalars(newest).first()
    if row is None:
        session.execute(delete(DailySalt))
        row = DailySalt(day=day, salt=secrets.token_hex(32))
        session.add(row)
        session.flush()
    return hmac.new(bytes.fromhex(row.salt), value.encode(), hashlib.sha256).hexdigest()
