"""A participant's way in and out: enter, consent, sound check, withdrawal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from study import assignment, canonical, ledger, limits, tokens
from study.deployment import Deployment, require_open
from study.errors import Refused
from study.locale import consent_text
from study.models import Participant, Trial, Vote

SOUND_CHECK_TRIES = 3
CHALLENGE_DIGITS = 3


@dataclass(frozen=True)
class Caller:
    """What the server knows about the sender of a request."""

    address: str
    agent: str


def enter(place: Deployment, caller: Caller, locale: str, external: Mapping[str, str]) -> str:
    """Enrol a participant and return the token, which is shown this once.

    With recruiter ids the same person comes back to the same place with a new token.
    """
    now = place.clock()
    with place.store.write() as session:
        require_open(session)
        network = tokens.daily_hash(session, caller.address, now)
        allowed = place.config.limits.enrolments_per_hour
        limits.count(session, f"enter:{network}", now, 3600, allowed)
        token = tokens.fresh()
        known = _returning(session, external, place)
        if known is not None:
            known.token_hash = tokens.hashed(token)
            return token
        agent = tokens.daily_hash(session, caller.agent, now)
        row = _new(now, token, locale, external, network, agent)
        session.add(row)
        ledger.append(session, now, "entered", {"participant": row.code})
    return token


def find(session: Session, token: str) -> Participant:
    """The participant of a token; raises Refused 404 for an unknown one."""
    row = session.scalar(select(Participant).where(Participant.token_hash == tokens.hashed(token)))
    if row is None:
        raise Refused(404, "unknown_participant", "this participant is not known here")
    return row


def counted(session: Session, place: Deployment, token: str) -> Participant:
    """`find`, and one call counted against the participant's rate limit."""
    row = find(session, token)
    allowed = place.config.limits.calls_per_minute
    limits.count(session, f"calls:{row.id}", place.clock(), 60, allowed)
    return row


def consent(place: Deployment, token: str, version: str, locale: str) -> None:
    """Record the agreement to one version of one text; raises Refused for an outdated version."""
    if version != place.config.consent.version:
        raise Refused(409, "consent_outdated", "the consent text has changed; read it again")
    now = place.clock()
    with place.store.write() as session:
        require_open(session)
        row = counted(session, place, token)
        if row.state != "entered":
            return
        row.locale, row.state = locale, "consented"
        row.consented_at, row.consent_version = now, version
        row.consent_hash = canonical.digest(consent_text(place.config, locale))


def challenge(place: Deployment, token: str) -> tuple[str, str]:
    """The digits to be spoken to this participant and the language; made once per try."""
    now = place.clock()
    with place.store.write() as session:
        row = counted(session, place, token)
        if row.state != "consented":
            raise Refused(409, "wrong_step", f"no sound check in state {row.state}")
        if row.challenge is None:
            number = assignment.draw(tokens.fresh(), now) % 10**CHALLENGE_DIGITS
            row.challenge = f"{number:0{CHALLENGE_DIGITS}d}"
        return row.challenge, row.locale


def check(place: Deployment, token: str, answer: str, device: Mapping[str, Any]) -> str:
    """Compare the digits that were heard; returns the new state (voting, consented or screened)."""
    now = place.clock()
    with place.store.write() as session:
        require_open(session)
        row = counted(session, place, token)
        if row.state != "consented":
            return row.state
        if row.challenge is None:
            raise Refused(409, "wrong_step", "the digits have not been played yet")
        row.challenge_tries += 1
        row.device = dict(device)
        if answer.strip() == row.challenge:
            row.state = "voting"
        elif row.challenge_tries >= SOUND_CHECK_TRIES:
            row.state, row.finished_at = "screened", now
        row.challenge = None
        return row.state


def withdraw(place: Deployment, token: str) -> int:
    """Erase a participant with all rows; returns how many votes were erased.

    The ledger keeps the digests of the erased votes, which say nothing about their content.
    """
    now = place.clock()
    with place.store.write() as session:
        row = find(session, token)
        digests = list(session.scalars(select(Vote.digest).where(Vote.participant_id == row.id)))
        session.execute(delete(Trial).where(Trial.participant_id == row.id))
        session.delete(row)
        body = {"participant": row.code, "digests": sorted(digests)}
        ledger.append(session, now, "withdrawn", body)
    return len(digests)


def record_service(place: Deployment, token: str, verdict: str) -> None:
    """Store what the external check said (pass, fail or unchecked)."""
    with place.store.write() as session:
        row = session.scalar(
            select(Participant).where(Participant.token_hash == tokens.hashed(token))
        )
        if row is None:
            return  # withdrawn in the meantime
        row.service_verdict = verdict
        body = {"participant": row.code, "verdict": verdict}
        ledger.append(session, place.clock(), "service", body)


def outcome_code(place: Deployment, state: str) -> str | None:
    """The completion code for an outcome; without configured codes there is none."""
    return {str(key): code for key, code in place.config.recruitment.codes.items()}.get(state)


def _returning(
    session: Session, external: Mapping[str, str], place: Deployment
) -> Participant | None:
    key = _external_key(external)
    if place.config.recruitment.mode == "prolific" and key is None:
        raise Refused(403, "recruiter_only", "this study is entered through its recruiter's link")
    if key is None:
        return None
    return session.scalar(select(Participant).where(Participant.external_key == key))


def _external_key(external: Mapping[str, str]) -> str | None:
    person = external.get("PROLIFIC_PID")
    return f"{external.get('STUDY_ID', '')}/{person}" if person else None


def _new(
    now: float, token: str, locale: str, external: Mapping[str, str], network: str, agent: str
) -> Participant:
    return Participant(
        code=tokens.short_code("p"),
        token_hash=tokens.hashed(token),
        external_key=_external_key(external),
        external=dict(external),
        locale=locale,
        state="entered",
        created_at=now,
        challenge_tries=0,
        device={},
        network_hash=network,
        agent_hash=agent,
        service_verdict="none",
    )
