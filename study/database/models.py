"""The tables. Times are seconds since 1970 (UTC); secrets are stored as SHA-256 only."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

HASH = String(64)


class Base(DeclarativeBase):
    """Declarative base; dictionaries are stored as JSON."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {dict[str, Any]: JSON, list[str]: JSON}


class StudyRow(Base):
    """The one row that says what this database holds and whether it takes votes."""

    __tablename__ = "study"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    config: Mapped[dict[str, Any]]
    config_hash: Mapped[str] = mapped_column(HASH)
    stimuli_hash: Mapped[str] = mapped_column(HASH)
    state: Mapped[str] = mapped_column(String(10))  # open, paused, closed
    opened_at: Mapped[float]
    closed_at: Mapped[float | None]
    revealed_at: Mapped[float | None]  # results by system were seen before closing


class System(Base):
    """A system under study; its key never leaves the server before the end."""

    __tablename__ = "systems"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(10))  # candidate, baseline, anchor


class Item(Base):
    """A picture and a sound that every system was given."""

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)


class StimulusRow(Base):
    """A built clip: one system, one item, one variant."""

    __tablename__ = "stimuli"
    __table_args__ = (UniqueConstraint("system_id", "item_id", "variant"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    system_id: Mapped[int] = mapped_column(ForeignKey("systems.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    variant: Mapped[str] = mapped_column(String(20))
    file: Mapped[str]
    sha256: Mapped[str] = mapped_column(HASH)
    bytes: Mapped[int]
    duration_ms: Mapped[int]


class Participant(Base):
    """One person. `external` holds the recruiter's ids and is erased on withdrawal."""

    __tablename__ = "participants"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    token_hash: Mapped[str] = mapped_column(HASH, unique=True)
    external_key: Mapped[str | None] = mapped_column(unique=True)
    external: Mapped[dict[str, Any]]
    locale: Mapped[str] = mapped_column(String(5))
    state: Mapped[str] = mapped_column(String(10))  # entered, consented, listening, voting,
    # finished or screened
    created_at: Mapped[float]
    consented_at: Mapped[float | None]
    consent_version: Mapped[str | None]
    consent_hash: Mapped[str | None] = mapped_column(HASH)
    challenge: Mapped[str | None] = mapped_column(String(8))
    challenge_tries: Mapped[int] = mapped_column(default=0)
    device: Mapped[dict[str, Any]]
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    salt: Mapped[str] = mapped_column(String(32), default="", server_default="")
    service_verdict: Mapped[str] = mapped_column(String(10))  # pass, fail, unchecked, none
    finished_at: Mapped[float | None]


class Invitation(Base):
    """A link for one person; `label` is the operator's own name for them and leaves no export."""

    __tablename__ = "invitations"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(unique=True)
    token_hash: Mapped[str] = mapped_column(HASH, unique=True)
    participant_id: Mapped[int | None] = mapped_column(
        ForeignKey("participants.id", ondelete="SET NULL"), unique=True
    )


class Trial(Base):
    """One pair as shown to one participant; the sides are decided here and nowhere else."""

    __tablename__ = "trials"
    __table_args__ = (UniqueConstraint("participant_id", "position"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    participant_id: Mapped[int] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))  # training, main, identical, shifted, repeated
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    left_id: Mapped[int] = mapped_column(ForeignKey("stimuli.id"))
    right_id: Mapped[int] = mapped_column(ForeignKey("stimuli.id"))
    repeat_of: Mapped[int | None] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"))
    expected: Mapped[dict[str, Any]]
    dimensions: Mapped[list[str]]
    token_hash: Mapped[str] = mapped_column(HASH, unique=True)
    served_at: Mapped[float]
    expires_at: Mapped[float]
    serves: Mapped[int] = mapped_column(default=1)
    voted_at: Mapped[float | None]


class MediaToken(Base):
    """A fresh address for one side of one serving of a trial."""

    __tablename__ = "media_tokens"
    hash: Mapped[str] = mapped_column(HASH, primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"), index=True)
    side: Mapped[str] = mapped_column(String(5))
    file: Mapped[str]
    expires_at: Mapped[float]
    fetched_to: Mapped[int] = mapped_column(default=0, server_default="0")  # bytes, from the start
    fetched_at: Mapped[float | None]  # when the last byte was asked for


class Vote(Base):
    """One decided trial: never updated, removed only by its participant's withdrawal."""

    __tablename__ = "votes"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"), unique=True)
    participant_id: Mapped[int] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), index=True
    )
    request_id: Mapped[str] = mapped_column(String(64))
    record: Mapped[dict[str, Any]]  # what the digest covers: see study.voting.votes
    salt: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(HASH)
    received_at: Mapped[float]


class Event(Base):
    """Something the page reported: play, stall, hidden, replay and the like."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trials.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]]
    received_at: Mapped[float]


class Exclusion(Base):
    """An operator's decision to leave a participant out, with the reason; nothing is deleted."""

    __tablename__ = "exclusions"
    id: Mapped[int] = mapped_column(primary_key=True)
    participant_id: Mapped[int] = mapped_column(
        ForeignKey("participants.id", ondelete="CASCADE"), unique=True
    )
    reason: Mapped[str]
    decided_at: Mapped[float]


class LedgerRow(Base):
    """Append-only: each row's hash covers the row before it."""

    __tablename__ = "ledger"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(HASH)
    hash: Mapped[str] = mapped_column(HASH, unique=True)


class RateCount(Base):
    """Calls of one key in its current window."""

    __tablename__ = "rate_counts"
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    window: Mapped[int]
    count: Mapped[int]


class DailySalt(Base):
    """Today's salt for network addresses; yesterday's is deleted, so old hashes cannot be tried."""

    __tablename__ = "daily_salts"
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))


class AdminSession(Base):
    """A signed-in operator."""

    __tablename__ = "admin_sessions"
    token_hash: Mapped[str] = mapped_column(HASH, primary_key=True)
    expires_at: Mapped[float]


# Covers the count of `assignment`: how often each pair was shown, without touching the rows.
Index("ix_trials_coverage", Trial.kind, Trial.left_id, Trial.right_id, Trial.expires_at)
