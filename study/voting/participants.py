"""A participant's way in and out: enter, consent, sound check, withdrawal."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from study import canonical
from study.database import ledger
from study.database.models import Participant, Trial, Vote
from study.design import assignment, questionnaire
from study.design.sections import Recruitment
from study.design.translations import consent_text, offered
from study.errors import Refused
from study.voting import invitations, rate_limit, tokens
from study.voting.context import StudyContext, require_open

SOUND_CHECK_TRIES = 3
CHALLENGE_DIGITS = 3
HEADPHONE_TRIES = 2
HEADPHONE_ROUNDS, ROUNDS_NEEDED = (
    6,
    5,
)  # of three noises each: a guesser passes one time in fifty-six
CHECKED = {"consented": SOUND_CHECK_TRIES, "listening": HEADPHONE_TRIES}
"""States in which something has to be heard, and how often one may try."""
NETWORK, NETWORK_SECONDS = "enter:", 3600  # key and window of the count of newcomers


def enter(context: StudyContext, address: str, locale: str, external: Mapping[str, str]) -> str:
    """Enrol a participant and return the token, which is shown this once.

    A recruited person comes back to the same place with a new token, in the recruiter's same session:
    knowing somebody's id alone is not enough to take over. An invitation leads its one person back too.
    Elsewhere recruiters' ids are not kept.
    """
    now = context.clock()
    _refuse_locale(context, locale)
    with context.store.write() as session:
        require_open(session)
        token, rule = tokens.fresh(), context.config.recruitment
        invitation = None
        if rule.mode == "invited":
            invitation = invitations.find(session, external.get("INVITATION", ""))
        if invitation is None:  # those who are invited may all sit in one room
            _count_newcomer(context, session, address, now)
            if rule.mode == "invited":
                raise Refused(
                    403, "invited_only", "this study is entered through an invitation link"
                )
        ids = _recruited(rule, external)
        known = invitations.guest(session, invitation) if invitation else _returning(session, ids)
        if known is not None:
            known.token_hash = tokens.hashed(token)
            return token
        row = _new(now, token, locale, ids)
        session.add(row)
        if invitation is not None:
            session.flush()
            invitation.participant_id = row.id
        ledger.append(session, now, "entered", {"participant": row.code, "locale": locale})
    return token


def find(session: Session, token: str) -> Participant:
    """The participant of a token; raises Refused 404 for an unknown one."""
    row = session.scalar(select(Participant).where(Participant.token_hash == tokens.hashed(token)))
    if row is None:
        raise Refused(404, "unknown_participant", "this participant is not known here")
    return row


def counted(
    session: Session,
    context: StudyContext,
    token: str,
    budget: Literal["calls", "events"] = "calls",
) -> Participant:
    """`find`, and one call counted against the participant's rate limit.

    Reports of the player have a budget of their own, so that none can use up that of the vote.
    """
    row = find(session, token)
    allowed = context.config.limits.calls_per_minute
    rate_limit.count(session, f"{budget}:{row.id}", context.clock(), 60, allowed)
    return row


def consent(context: StudyContext, token: str, version: str, locale: str) -> None:
    """Record the agreement to one version of one text; raises Refused for an outdated version."""
    if version != context.config.consent.version:
        raise Refused(409, "consent_outdated", "the consent text has changed; read it again")
    _refuse_locale(context, locale)
    now = context.clock()
    with context.store.write() as session:
        require_open(session)
        row = counted(session, context, token)
        if row.state != "entered":
            return
        row.locale, row.consented_at, row.consent_version = locale, now, version
        row.consent_hash = canonical.digest(consent_text(context.config, locale))
        agreed = {"version": version, "locale": locale, "text": row.consent_hash}
        reach(session, now, row, "consented", **agreed)


class Challenge(NamedTuple):
    """What a participant has to hear.

    Attributes:
        state: "consented" for spoken digits, "listening" for the noise of each round that holds the tone.
        answer: the right one.
        locale: of the digits.
    """

    state: str
    answer: str
    locale: str


def challenge(context: StudyContext, token: str) -> Challenge:
    """What is to be played to this participant; made once per try."""
    now = context.clock()
    with context.store.write() as session:
        row = counted(session, context, token)
        if row.state not in CHECKED:
            raise Refused(409, "wrong_step", f"no sound check in state {row.state}")
        if row.challenge is None:
            row.challenge = _drawn(row.state, assignment.draw(tokens.fresh(), now))
        return Challenge(row.state, row.challenge, row.locale)


def check(context: StudyContext, token: str, answer: str, device: Mapping[str, Any]) -> str:
    """Compare what was heard; returns the new state (listening, voting, screened, or the same for another try)."""
    now = context.clock()
    with context.store.write() as session:
        require_open(session)
        row = counted(session, context, token)
        if row.state not in CHECKED:
            return row.state
        if row.challenge is None:
            raise Refused(409, "wrong_step", "the sound has not been played yet")
        row.challenge_tries += 1
        row.device = dict(device)
        note_facts(session, now, row)
        if _heard(row.state, row.challenge, answer.strip()):
            first = row.state == "consented" and context.config.sound_check.headphones
            reach(session, now, row, "listening" if first else "voting")
            row.challenge_tries = 0
        elif row.challenge_tries >= CHECKED[row.state]:
            reach(session, now, row, "screened")
        row.challenge = None
        return row.state


def reach(session: Session, now: float, row: Participant, state: str, **more: str) -> None:
    """Move a participant on to a state (consented, listening, voting, screened, finished), noted in the ledger."""
    row.state = state
    if state in ("screened", "finished"):
        row.finished_at = now
    ledger.append(session, now, state, {"participant": row.code} | more)


def answer(
    context: StudyContext, token: str, when: questionnaire.When, given: Mapping[str, str]
) -> dict[str, Any]:
    """Store a page of answers about the participant and say where they stand; raises Refused for wrong ones."""
    now = context.clock()
    with context.store.write() as session:
        row = counted(session, context, token)
        if questionnaire.pending(context.config, row.state, row.answers) == when:
            row.answers = row.answers | questionnaire.checked(context.config, when, given)
            note_facts(session, now, row)
        return standing(context, row)


def standing(context: StudyContext, row: Participant) -> dict[str, Any]:
    """What the page needs to go on: state, language, completion code, a page of questions that is due."""
    return {
        "state": row.state,
        "locale": row.locale,
        "code": outcome_code(context, row.state),
        "ask": questionnaire.pending(context.config, row.state, row.answers),
    }


def facts(row: Participant) -> dict[str, Any]:
    """What is known of a participant beside the votes."""
    return {"device": dict(row.device), "answers": dict(row.answers)}


def facts_digest(code: str, known: Mapping[str, Any], salt: str) -> str:
    """The digest of `facts` in the ledger; the salt keeps erased ones from being guessed."""
    return canonical.digest([code, known, salt])


def note_facts(session: Session, now: float, row: Participant) -> None:
    """Tie what a participant says of themselves to the ledger, without its content."""
    digest = facts_digest(row.code, facts(row), row.salt)
    ledger.append(session, now, "facts", {"participant": row.code, "digest": digest})


def withdraw(context: StudyContext, token: str) -> int:
    """Erase a participant with all rows; returns how many votes were erased.

    The ledger keeps the digests of the erased votes, which say nothing about their content.
    """
    now = context.clock()
    with context.store.write() as session:
        row = find(session, token)
        digests = list(session.scalars(select(Vote.digest).where(Vote.participant_id == row.id)))
        session.execute(delete(Trial).where(Trial.participant_id == row.id))
        session.delete(row)
        body = {"participant": row.code, "digests": sorted(digests)}
        ledger.append(session, now, "withdrawn", body)
    context.store.forget_erased()
    return len(digests)


def record_service(context: StudyContext, token: str, verdict: str) -> None:
    """Store what the external check said (pass, fail or unchecked)."""
    with context.store.write() as session:
        row = session.scalar(
            select(Participant).where(Participant.token_hash == tokens.hashed(token))
        )
        if row is None:
            return  # withdrawn in the meantime
        row.service_verdict = verdict
        body = {"participant": row.code, "verdict": verdict}
        ledger.append(session, context.clock(), "service", body)


def outcome_code(context: StudyContext, state: str) -> str | None:
    """The completion code for an outcome; without configured codes there is none."""
    return {str(key): code for key, code in context.config.recruitment.codes.items()}.get(state)


def _count_newcomer(context: StudyContext, session: Session, address: str, now: float) -> None:
    """Count somebody against the limit of their network, which one script could use up for all others there."""
    network = tokens.daily_hash(session, address, now)
    allowed = context.config.limits.enrolments_per_hour
    key = f"{NETWORK}{network}"
    rate_limit.count(session, key, now, NETWORK_SECONDS, allowed, "too_many_people")


def _drawn(state: str, number: int) -> str:
    """The right answer of a check, from a number that was drawn."""
    if state == "consented":
        return f"{number % 10**CHALLENGE_DIGITS:0{CHALLENGE_DIGITS}d}"
    return "".join(str(1 + number // 3**place % 3) for place in range(HEADPHONE_ROUNDS))


def _heard(state: str, said: str, answer: str) -> bool:
    """All digits, or enough of the rounds."""
    if state == "consented":
        return answer == said
    right = sum(a == b for a, b in zip(answer, said, strict=False))
    return len(answer) == len(said) and right >= ROUNDS_NEEDED


def _refuse_locale(context: StudyContext, locale: str) -> None:
    languages = offered(context.config)
    if locale not in languages:
        raise Refused(422, "other", f"this study is offered in {' and '.join(languages)} only")


def _recruited(rule: Recruitment, external: Mapping[str, str]) -> dict[str, str]:
    """The recruiter's ids; raises Refused for somebody who did not come through the recruiter."""
    if rule.mode != "prolific":
        return {}
    if not (external.get("PROLIFIC_PID") and external.get("SESSION_ID")):
        raise Refused(403, "recruiter_only", "this study is entered through its recruiter's link")
    if rule.study_id is not None and external.get("STUDY_ID") != rule.study_id:
        raise Refused(403, "recruiter_only", "this link belongs to another study of the recruiter")
    return dict(external)


def _returning(session: Session, ids: Mapping[str, str]) -> Participant | None:
    if not ids:
        return None
    key = ids["PROLIFIC_PID"]
    known = session.scalar(select(Participant).where(Participant.external_key == key))
    if known is not None and known.external["SESSION_ID"] != ids["SESSION_ID"]:
        raise Refused(403, "recruiter_only", "this person takes part already, in another session")
    return known


def _new(now: float, token: str, locale: str, ids: Mapping[str, str]) -> Participant:
    return Participant(
        code=tokens.short_code("p"),
        token_hash=tokens.hashed(token),
        external_key=ids.get("PROLIFIC_PID"),
        external=dict(ids),
        locale=locale,
        state="entered",
        created_at=now,
        challenge_tries=0,
        device={},
        answers={},
        salt=secrets.token_hex(16),
        service_verdict="none",
    )
