"""Serving of trials: the next pair, its sides, fresh addresses for both clips."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from study.database.models import Item, MediaToken, Participant, StimulusRow, System, Trial
from study.design import assignment
from study.design.assignment import Cell, Shown
from study.design.config import StudyConfig
from study.errors import Refused
from study.voting import participants, tokens
from study.voting.context import StudyContext, require_open


@dataclass(frozen=True)
class ServedTrial:
    """A trial on its way to the browser: nothing here names a system, an item or a file."""

    trial: str
    left: str
    right: str
    training: bool
    practice: int
    dimensions: list[str]
    position: int
    total: int
    seconds: float


@dataclass(frozen=True)
class Draft:
    """A trial that has been decided on but not stored."""

    kind: str
    item: int
    left: int
    right: int
    expected: dict[str, str]
    repeat_of: int | None = None


@dataclass(frozen=True)
class Design:
    """What there is to choose from: the cells and the stimulus of each (system, item, variant)."""

    cells: list[Cell]
    stimuli: dict[tuple[int, int, str], StimulusRow]


def next_trial(context: StudyContext, token: str) -> ServedTrial | None:
    """The pair to vote on now, None when the participant has finished.

    An undecided trial is served again with new addresses (a reload, a lost connection); the old ones die.
    """
    now = context.clock()
    with context.store.write(durable=False) as session:
        person = participants.counted(session, context, token)
        if person.state == "finished":
            return None  # even after closing: who has voted on everything gets the completion code
        require_open(session)
        if person.state != "voting":
            raise Refused(409, "wrong_step", f"no trials in state {person.state}")
        design = read_design(session, context.config)
        kinds = assignment.schedule(
            context.config.trials, len(design.cells), context.config.seed, person.id
        )
        done = list(
            session.scalars(
                select(Trial).where(Trial.participant_id == person.id).order_by(Trial.position)
            )
        )
        trial = next((row for row in done if row.voted_at is None), None)
        if trial is None:
            trial = _new_trial(session, context, person, design, done, kinds[len(done)], now)
        return _serve(session, context, trial, len(kinds), now)


def decided(session: Session, person: Participant) -> int:
    """How many trials this participant has voted on."""
    voted = select(func.count()).where(
        Trial.participant_id == person.id, Trial.voted_at.is_not(None)
    )
    return int(session.scalar(voted) or 0)


def read_design(session: Session, config: StudyConfig) -> Design:
    """The study's design from the database."""
    systems = {row.key: row.id for row in session.scalars(select(System).order_by(System.id))}
    items = list(session.scalars(select(Item.id).order_by(Item.id)))
    candidate = systems[config.candidate]
    others = [key for key in systems.values() if key != candidate]
    stimuli = {
        (row.system_id, row.item_id, row.variant): row
        for row in session.scalars(select(StimulusRow))
    }
    cells = assignment.cells(candidate, others, items, config.comparisons == "all")
    return Design(cells, stimuli)


def coverage(session: Session, design: Design, now: float) -> Counter[Shown]:
    """How often each cell was shown with its first system on the left and on the right.

    Counts decided trials and open ones that have not expired.
    """
    rows = session.execute(
        select(Trial.left_id, Trial.right_id, func.count())
        .where(Trial.kind == "main", or_(Trial.voted_at.is_not(None), Trial.expires_at > now))
        .group_by(Trial.left_id, Trial.right_id)
    )
    shown = _shown_by_stimuli(design)
    counts: Counter[Shown] = Counter()
    for left, right, number in rows:
        counts[shown[left, right]] += number
    return counts


def _shown_by_stimuli(design: Design) -> dict[tuple[int, int], Shown]:
    shown = {}
    for cell in design.cells:
        first = design.stimuli[cell.first, cell.item, "plain"].id
        second = design.stimuli[cell.second, cell.item, "plain"].id
        shown[first, second] = Shown(cell, True)
        shown[second, first] = Shown(cell, False)
    return shown


def _new_trial(
    session: Session,
    context: StudyContext,
    person: Participant,
    design: Design,
    done: list[Trial],
    kind: str,
    now: float,
) -> Trial:
    draft = _draft(session, context, person, design, done, kind, now)
    names = list(context.config.dimension_ids)
    if context.config.trials.dimension_order == "random":
        names.sort(
            key=lambda name: assignment.draw(context.config.seed, person.id, len(done), name)
        )
    trial = Trial(
        participant_id=person.id,
        position=len(done),
        kind=kind,
        item_id=draft.item,
        left_id=draft.left,
        right_id=draft.right,
        repeat_of=draft.repeat_of,
        expected=draft.expected,
        dimensions=names,
        token_hash=tokens.hashed(tokens.fresh()),
        served_at=now,
        expires_at=now,
        serves=0,
    )
    session.add(trial)
    session.flush()
    return trial


def _draft(
    session: Session,
    context: StudyContext,
    person: Participant,
    design: Design,
    done: list[Trial],
    kind: str,
    now: float,
) -> Draft:
    shown = _shown_by_stimuli(design)
    mains = [row for row in done if row.kind == "main"]
    history = [shown[row.left_id, row.right_id] for row in mains]
    seed, toss = context.config.seed, assignment.draw(context.config.seed, person.id, len(done))
    if kind == "main":
        counts = coverage(session, design, now)
        chosen = assignment.choose(design.cells, counts, history, seed, person.id)
        return _main_draft(design, chosen)
    if kind == "repeated":
        repeats = sum(row.kind == "repeated" for row in done)
        first = mains[assignment.repeatable(history, repeats)]
        return Draft(kind, first.item_id, first.right_id, first.left_id, {}, first.id)
    if kind == "identical":
        clips = [clip for key, clip in sorted(design.stimuli.items()) if key[2] == "plain"]
        clip = clips[toss % len(clips)]
        forms = context.config.answer_forms
        expected = {
            name: "same" for name in context.config.dimension_ids if forms[name] != "forced"
        }
        return Draft(kind, clip.item_id, clip.id, clip.id, expected)
    return _spoilt_draft(context, design, kind, len(done), toss)


def _main_draft(design: Design, chosen: Shown) -> Draft:
    cell = chosen.cell
    first = design.stimuli[cell.first, cell.item, "plain"].id
    second = design.stimuli[cell.second, cell.item, "plain"].id
    left, right = (first, second) if chosen.first_on_left else (second, first)
    return Draft("main", cell.item, left, right, {})


def _spoilt_draft(
    context: StudyContext, design: Design, kind: str, position: int, toss: int
) -> Draft:
    """A good clip beside a spoilt copy of itself; the good side is the expected answer."""
    if kind in ("shifted", "frozen"):
        names: tuple[str, ...] = ("early", "late") if kind == "shifted" else ("frozen",)
        lip_sync = context.config.trials.catch.lip_sync_dimension
        asked: tuple[str, ...] = (lip_sync,)
    else:
        names = (("training_late", "training_jerky")[position % 2],)
        asked = _training_dimensions(context.config, names[0])
    degraded = [clip for key, clip in sorted(design.stimuli.items()) if key[2] in names]
    clip = degraded[toss % len(degraded)]
    good = design.stimuli[clip.system_id, clip.item_id, "plain"].id
    good_left = (toss >> 8) % 2 == 0
    left, right = (good, clip.id) if good_left else (clip.id, good)
    return Draft(
        kind, clip.item_id, left, right, dict.fromkeys(asked, "left" if good_left else "right")
    )


def _training_dimensions(config: StudyConfig, variant: str) -> tuple[str, ...]:
    wanted = {"training_late": "lip_sync", "training_jerky": "motion_naturalness"}[variant]
    return (wanted,) if wanted in config.dimension_ids else (config.analysis.primary_dimension,)


def _serve(
    session: Session, context: StudyContext, trial: Trial, total: int, now: float
) -> ServedTrial:
    """Give the trial and both sides new tokens; every older one stops working."""
    expires = now + 60 * context.config.trials.expire_minutes
    session.execute(
        update(MediaToken).where(MediaToken.trial_id == trial.id).values(expires_at=now)
    )
    token, left, right = tokens.fresh(), tokens.fresh(), tokens.fresh()
    trial.token_hash = tokens.hashed(token)
    trial.served_at, trial.expires_at = now, expires
    trial.serves += 1
    shown = select(StimulusRow).where(StimulusRow.id.in_([trial.left_id, trial.right_id]))
    clips = {row.id: row for row in session.scalars(shown)}
    for side, media, stimulus in (("left", left, trial.left_id), ("right", right, trial.right_id)):
        session.add(_address(trial, side, media, clips[stimulus].file, expires))
    return ServedTrial(
        trial=token,
        left=left,
        right=right,
        training=trial.kind == "training",
        practice=context.config.trials.training,
        dimensions=trial.dimensions,
        position=trial.position,
        total=total,
        seconds=clips[trial.left_id].duration_ms / 1000,
    )


def _address(trial: Trial, side: str, token: str, file: str, expires: float) -> MediaToken:
    return MediaToken(
        hash=tokens.hashed(token), trial_id=trial.id, side=side, file=file, expires_at=expires
    )
