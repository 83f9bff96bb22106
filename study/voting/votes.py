"""The vote: one per trial, decided, checked and chained in one transaction.

A vote's `record` is what the digest in the ledger covers. It is written once; exports and `study verify`
read it back word for word.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from study import canonical
from study.database import ledger
from study.database.models import (
    Event,
    Item,
    MediaToken,
    Participant,
    StimulusRow,
    StudyRow,
    System,
    Trial,
    Vote,
)
from study.design import assignment
from study.errors import Refused
from study.voting import participants, quality, tokens, trials
from study.voting.context import StudyContext, require_open

RATINGS = tuple(f"{left}/{right}" for left in range(1, 6) for right in range(1, 6))
CHOICES = {
    "gsb": ("left", "same", "right", "cannot"),
    "forced": ("left", "right", "cannot"),
    "rating": (*RATINGS, "cannot"),
}
WATCHED_SHARE = 0.97  # of the clip's length, from the server's clock: tolerance for clock steps


@dataclass(frozen=True)
class Receipt:
    """What the browser is told.

    `feedback` says whether a training trial was answered as expected, `hint` what was wrong with one of
    its clips (late, jerky), `side` with which, `device` why the device is too weak for the study (names of
    checks). All are None or empty outside training.
    """

    vote: str
    feedback: bool | None
    hint: str | None = None
    side: str | None = None
    device: tuple[str, ...] = ()


def submit_vote(
    context: StudyContext,
    token: str,
    trial_token: str,
    request_id: str,
    choices: Mapping[str, str],
    playback: Mapping[str, Any],
) -> Receipt:
    """Store a vote and return its receipt after COMMIT.

    The identical request again returns the first receipt. Everything else that is not the first vote of a
    trial that was served to this participant, has not expired and was watched to the end is Refused.
    """
    now = context.clock()
    with context.store.write() as session:
        person = participants.counted(session, context, token)
        trial = _trial(session, person, trial_token)
        earlier = session.scalar(select(Vote).where(Vote.trial_id == trial.id))
        if earlier is not None:
            return _repeated(earlier, trial, request_id, choices)
        study = require_open(session)
        spare = _time_to_answer(session, trial, now)
        _refuse_wrong_choices(context, trial, choices)
        judged = _judged(context, playback, spare, len(choices))
        facts = _record(session, study, person, trial) | {
            "choices": {name: choices[name] for name in trial.dimensions},
            "playback": dict(playback),
            "verdict": judged.verdict,
            "reasons": list(judged.reasons),
            "received_at": round(now, 3),
            "seconds_since_served": round(now - trial.served_at, 3),
            "seconds_to_answer": round(spare, 3),
        }
        vote = _vote(person, trial, request_id, facts, now)
        session.add(vote)
        trial.voted_at = now
        ledger.append(session, now, "vote", {"digest": vote.digest})
        cells = trials.read_design(session, context.config).cells
        if trials.decided(session, person) == assignment.length(context.config.trials, len(cells)):
            participants.reach(session, now, person, "finished")
        return _receipt(vote, trial)


def note_event(context: StudyContext, token: str, trial_token: str, kind: str, data: Any) -> None:
    """Store something that the page reported about a trial."""
    now = context.clock()
    with context.store.write(durable=False) as session:
        person = participants.counted(session, context, token, "events")
        trial = _trial(session, person, trial_token)
        session.add(Event(trial_id=trial.id, kind=kind, data=data, received_at=now))


def digest(record: Mapping[str, Any], salt: str) -> str:
    """The digest of a record in the ledger. The salt keeps an erased vote from being guessed."""
    return canonical.digest([record, salt])


def _trial(session: Session, person: Participant, trial_token: str) -> Trial:
    trial = session.scalar(select(Trial).where(Trial.token_hash == tokens.hashed(trial_token)))
    if trial is None or trial.participant_id != person.id:
        raise Refused(404, "unknown_trial", "this pair was not served to this participant")
    return trial


def _repeated(vote: Vote, trial: Trial, request_id: str, choices: Mapping[str, str]) -> Receipt:
    if vote.request_id == request_id and vote.record["choices"] == dict(choices):
        return _receipt(vote, trial)
    raise Refused(409, "already_voted", "this pair has its vote already")


def _receipt(vote: Vote, trial: Trial) -> Receipt:
    if trial.kind != "training":
        return Receipt(vote.code, None)
    right = all(
        quality.side(vote.record["choices"][name]) == want for name, want in trial.expected.items()
    )
    (spoilt,) = [s for s in ("left", "right") if vote.record[s]["variant"] != "plain"]
    hint = vote.record[spoilt]["variant"].removeprefix("training_")
    weak = tuple(name for name in vote.record["reasons"] if name in quality.DEVICE_CHECKS)
    return Receipt(vote.code, right, hint, spoilt, weak if vote.record["verdict"] == "fail" else ())


def _time_to_answer(session: Session, trial: Trial, now: float) -> float:
    """Seconds between the earliest end of both clips and now, by the server's clock.

    What was fetched at an earlier serving of the same trial counts too: a reload does not undo it.
    """
    if now > trial.expires_at:
        raise Refused(410, "expired", "this pair has expired; load the page again")
    rows = session.scalars(
        select(MediaToken).where(
            MediaToken.trial_id == trial.id, MediaToken.fetched_at.is_not(None)
        )
    )
    first: dict[str, float] = {}
    for row in rows:
        first[row.side] = min(first.get(row.side, now), row.fetched_at or now)
    seconds = session.get_one(StimulusRow, trial.left_id).duration_ms / 1000
    if len(first) < 2 or now - max(first.values()) < WATCHED_SHARE * seconds:
        raise Refused(425, "too_early", "both videos have to be watched to the end first")
    return now - max(first.values()) - seconds


def _judged(
    context: StudyContext, playback: Mapping[str, Any], spare: float, questions: int
) -> quality.Judgement:
    limits = context.config.quality
    return quality.combine(
        [
            quality.judge_playback(playback, limits),
            quality.judge_speed(playback.get("answer_ms"), spare, questions, limits),
        ]
    )


def _refuse_wrong_choices(context: StudyContext, trial: Trial, choices: Mapping[str, str]) -> None:
    if set(choices) != set(trial.dimensions):
        raise Refused(422, "incomplete", f"expected one answer each for {trial.dimensions}")
    forms = context.config.answer_forms
    for name, value in choices.items():
        if value not in CHOICES[forms[name]]:
            known = "1/1 to 5/5 or cannot" if forms[name] == "rating" else CHOICES[forms[name]]
            raise Refused(422, "incomplete", f"{value!r} is not one of {known}")


def _vote(
    person: Participant, trial: Trial, request_id: str, facts: dict[str, Any], now: float
) -> Vote:
    code, salt = tokens.short_code("v"), secrets.token_hex(16)
    record = facts | {"vote": code}
    return Vote(
        code=code,
        trial_id=trial.id,
        participant_id=person.id,
        request_id=request_id,
        record=record,
        salt=salt,
        digest=digest(record, salt),
        received_at=now,
    )


def _record(session: Session, study: StudyRow, person: Participant, trial: Trial) -> dict[str, Any]:
    """The facts about a trial in plain names: JSON values only."""
    repeat = session.get(Trial, trial.repeat_of) if trial.repeat_of else None
    return {
        "study": study.name,
        "config": study.config_hash,
        "stimuli": study.stimuli_hash,
        "participant": person.code,
        "position": trial.position,
        "kind": trial.kind,
        "item": session.get_one(Item, trial.item_id).key,
        "left": _shown(session, trial.left_id),
        "right": _shown(session, trial.right_id),
        "order": list(trial.dimensions),
        "expected": dict(trial.expected),
        "repeat_of": repeat.position if repeat else None,
    }


def _shown(session: Session, stimulus_id: int) -> dict[str, str]:
    stimulus = session.get_one(StimulusRow, stimulus_id)
    system = session.get_one(System, stimulus.system_id)
    return {"system": system.key, "variant": stimulus.variant}
