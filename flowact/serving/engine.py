"""All live sessions of a worker, and the one loop step that brings those forward that are due."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from flowact.conditioning.window import AudioTimeline
from flowact.hardware.memory import FULL, is_out_of_memory
from flowact.media.watermark import Watermark
from flowact.parallel.lockstep import Alone, Stepper
from flowact.pipeline import FlowActPipeline
from flowact.serving.audio_source import Microphone
from flowact.serving.chunk_renderer import ChunkRenderer, Denoised
from flowact.serving.load_meter import LoadMeter
from flowact.serving.messages import (
    Close,
    Command,
    Continuation,
    Create,
    Depart,
    Departed,
    Event,
    Heartbeat,
    Interrupt,
    KeyFrame,
    Puppet,
    PushAudio,
    Say,
    SessionError,
    SetAction,
)
from flowact.serving.pacing import SEGMENT_SECONDS, UNHURRIED, Pace, lead
from flowact.serving.reference_cache import ReferenceCache
from flowact.serving.session import WorkerSession
from flowact.serving.snapshot import stored
from flowact.streaming.conditions import Conditions
from flowact.streaming.state import SessionState, split_sessions, stack_sessions
from flowact.timebase import LATENTS_PER_CHUNK

_log = logging.getLogger(__name__)

TOGETHER: Final = 0.2
"""Sessions due within this many seconds are stepped as one batch."""
MOST_PAINTERS: Final = 4
"""Sessions whose pictures are painted side by side, a thread each."""


@dataclass(frozen=True)
class _InHand:
    """A chunk of which a part was painted, or nothing yet.

    Attributes:
        session: whose.
        renderer: paints the rest.
        begun: when work on it began, or should have, by the engine's clock.
        leaving: whether the session is given away after it.
    """

    session: WorkerSession
    renderer: ChunkRenderer
    begun: float
    leaving: bool


class Engine:
    """Steps every session when it is due.

    Between two segments it can be told something else: what was to follow is then made anew.

    Args:
        pipeline: the networks, ready for inference.
        emit: where segments, errors and heartbeats go.
        mark: the marks that every frame is given.
        references: encodes the pictures of the sessions.
        now: seconds of a monotonic clock.
        stepper: makes chunks of latents; without one, this process alone.
    """

    def __init__(
        self,
        pipeline: FlowActPipeline,
        emit: Callable[[Event], None],
        mark: Watermark,
        references: ReferenceCache,
        now: Callable[[], float] = time.monotonic,
        stepper: Stepper | None = None,
    ) -> None:
        self._pipeline, self._emit, self._mark, self._now = pipeline, emit, mark, now
        self._references, self._load_meter = references, LoadMeter(now())
        self._painters = ThreadPoolExecutor(MOST_PAINTERS, thread_name_prefix="flowact-painter")
        self._stepper = stepper or Alone(pipeline.transformer, pipeline.scheduler.settings)
        self.sessions: dict[str, WorkerSession] = {}
        self._hands: list[list[_InHand]] = []

    @property
    def busy(self) -> float:
        """Share of the last seconds in which there was work."""
        return self._load_meter.at(self._now())

    def handle(self, command: Command) -> None:
        """Do what is asked; a mistake ends the session that it concerns, and no other."""
        try:
            self._handle(command)
        except (ValueError, RuntimeError) as error:
            name = getattr(command, "session", "")
            self.sessions.pop(name, None)
            _log.exception("session %s ends: a command failed", name)
            self._emit(SessionError(name, _told(error), fatal=True))

    def _handle(self, command: Command) -> None:
        if isinstance(command, Create):
            self._create(command)
            self._emit(Heartbeat("look", self.busy))
            return
        session = self.sessions.get(getattr(command, "session", ""))
        if session is None:
            return  # closed a moment ago: what was already on its way is no mistake
        match command:
            case Close():
                del self.sessions[session.name]
            case Depart():
                session.departing = True
                self._depart_early(session)
            case _:
                _tell(session, command)

    def _create(self, command: Create) -> None:
        """Begin a session; where it cannot go on as it was, it begins anew and says so."""
        reference = self._references.at(command.picture)
        try:
            session = WorkerSession(command, self._pipeline, reference, self._mark)
        except ValueError as error:
            if command.resume is None:
                raise
            _log.warning("session %s begins anew: %s", command.session, error)
            anew = replace(command, resume=None)
            session = WorkerSession(anew, self._pipeline, reference, self._mark)
            self._emit(SessionError(session.name, str(error), fatal=False))
        if command.resume is not None and command.resume.due:
            due = self._now() + command.resume.due - time.time()
            session.pace = Pace(due, session.segment)
        self.sessions[session.name] = session

    def _depart_early(self, session: WorkerSession) -> None:
        """Give a session away without one more chunk, if it speaks live and there is time for its way."""
        live = isinstance(session.source, Microphone)
        if live and session.between and self._begin(session) - self._now() > UNHURRIED:
            self._depart(session)

    def _depart(self, session: WorkerSession) -> None:
        """Give a session away as it is between two chunks."""
        due, now = session.due(), self._now()
        resume = Continuation(
            stored(session.snapshot, self._pipeline.tokenizer),
            session.source.pending(),
            time.time() + due - now if due is not None else 0.0,
        )
        del self.sessions[session.name]
        self._emit(Departed(session.name, session.epoch, session.action, resume))

    def wait(self) -> float:
        """Return the seconds until there is something to do; 0 if there is, 1 at most."""
        if self._in_hand():
            return 0.0
        begins = [self._begin(session) for session in self.sessions.values()]
        return min(max(min(begins, default=float("inf")) - self._now(), 0.0), 1.0)

    def advance(self) -> None:
        """Make the next chunk of every session that is due, and of those that nearly are."""
        self.step()
        while self._in_hand():
            self.step()

    def step(self) -> None:
        """Paint one segment of what is wanted first, with those that were made with it; make them if need be."""
        now = self._now()
        fresh, hands = self._fresh(now), self._in_hand()
        if not fresh and not hands:
            return
        first = min(hands, key=lambda hand: _wanted_by(hand, now), default=[])
        if _wanted_by(fresh, now) < _wanted_by(first, now):
            first = self._begun(fresh, now)
        if first:
            self._paint(first)
        self._load_meter.worked(now, self._now())

    def _fresh(self, now: float) -> list[WorkerSession]:
        """Sessions of which a chunk is to be begun now, all alike: the most urgent, and those that just failed last."""
        idle = [session for session in self.sessions.values() if session.painting is None]
        if min(map(self._begin, idle), default=float("inf")) > now:
            return []
        due = [session for session in idle if self._begin(session) <= now + _early(session)]
        due.sort(key=lambda session: (session.failed, self._begin(session)))
        return [session for session in due if _alike(session, due[0])]

    def _in_hand(self) -> list[list[_InHand]]:
        """Chunks that are shown in part; those that are done or were given up are forgotten."""
        wanted = [[row for row in hand if self._is_wanted(row)] for hand in self._hands]
        self._hands = [hand for hand in wanted if hand]
        return self._hands

    def _is_wanted(self, row: _InHand) -> bool:
        return row.renderer.wanted and self.sessions.get(row.session.name) is row.session

    def _begin(self, session: WorkerSession) -> float:
        """Return when work on a session's next chunk begins; one that departs takes a chunk along, if it can."""
        if session.departing and not isinstance(session.source, Microphone):
            return float("-inf")
        return session.source.begin(session.pace.begin(session.segment, lead(session.taken)))

    def _should_begin(self, session: WorkerSession, now: float) -> float:
        """Return when it should have begun, for the figures: live sound is taken when it is there."""
        live = isinstance(session.source, Microphone)
        if live or session.departing or session.pace.origin is None:
            return now
        return self._begin(session)

    def _begun(self, group: Sequence[WorkerSession], now: float) -> list[_InHand]:
        """Take one chunk of every session of a group in hand; nothing if that cannot be made."""
        started = time.time()
        begins = [self._should_begin(session, now) for session in group]
        timelines = [session.listened() for session in group]
        try:
            stepped = self._step(group, timelines)
        except (FloatingPointError, ValueError, RuntimeError, MemoryError) as error:
            self._recover(group, _bearable(error), together=len(group) > 1)
            return []
        self._emit(Heartbeat("denoise", self.busy))
        took = time.time() - started
        hand = []
        for session, timeline, (state, latents), begin in zip(
            group, timelines, stepped, begins, strict=True
        ):
            chunk = Denoised(state, timeline, latents, started, max(now - begin, 0.0), took)
            hurried = self._load_meter.overloaded
            renderer = ChunkRenderer(session, chunk, self._pipeline, hurried=hurried)
            hand.append(_InHand(session, renderer, min(begin, now), session.departing))
        self._hands.append(hand)
        return hand

    def _paint(self, hand: Sequence[_InHand]) -> None:
        """Decode, encode and send the next segments of some chunks."""
        painting = [self._painters.submit(row.renderer.paint_next) for row in hand]
        for row, painted in zip(hand, painting, strict=True):
            try:
                segment = painted.result()
            except (RuntimeError, MemoryError) as error:
                self._recover([row.session], _bearable(error), together=len(hand) > 1)
                continue
            self._emit(segment)
            place = segment.index % LATENTS_PER_CHUNK - row.renderer.parts.start
            self._delivered(row.session, segment.index, row.begun + place * SEGMENT_SECONDS)
            if not row.renderer.wanted:
                self._done(row)

    def _done(self, row: _InHand) -> None:
        """A chunk is shown as far as it can be."""
        session = row.session
        session.failed = session.alone = False
        if row.leaving and session.between:
            self._depart(session)
        elif session.departing:
            self._depart_early(session)

    def _delivered(self, session: WorkerSession, segment: int, begun: float) -> None:
        now = self._now()
        session.pace = session.pace.delivered(segment, now)
        session.taken.append(now - begun)

    def _step(
        self, group: Sequence[WorkerSession], timelines: Sequence[AudioTimeline]
    ) -> list[tuple[SessionState, Tensor]]:
        """Return where a group of sessions is one chunk later, and those chunks, without touching them."""
        state = stack_sessions([session.snapshot.state for session in group])
        actions, features = [session.action for session in group], self._pipeline.features
        conditions = Conditions.of(state, timelines, actions, features)
        state, latents = self._stepper([session.name for session in group], state, conditions)
        return [(one, latents[[row]]) for row, one in enumerate(split_sessions(state))]

    def _recover(
        self, failed: Sequence[WorkerSession], error: Exception, *, together: bool
    ) -> None:
        """Try sessions that failed together each alone, or begin the stream of one anew.

        Its memory is from before the failure. When it fails a second time, the memory is at fault, and
        the session ends.
        """
        for session in failed:
            session.painting, session.alone = None, together
        if together:
            _log.info("%d sessions are tried alone", len(failed), exc_info=error)
            return
        (session,) = failed
        fatal = isinstance(error, ValueError) or session.failed
        session.failed = True
        _log.warning(
            "session %s %s", session.name, "ends" if fatal else "begins anew", exc_info=error
        )
        session.snapshot = replace(session.snapshot, state=session.snapshot.state.restarted())
        if fatal:
            self.sessions.pop(session.name, None)
        self._emit(SessionError(session.name, _told(error), fatal=fatal))


def _tell(session: WorkerSession, command: Command) -> None:
    """Pass on what concerns the inside of one session."""
    match command:
        case Say():
            session.say(command)
        case Puppet(epoch=epoch):
            session.puppet(epoch)
        case PushAudio():
            session.hear(command)
        case SetAction(phrase=phrase):
            session.action = phrase
        case Interrupt(epoch=epoch):
            session.interrupt(epoch)
        case KeyFrame():
            session.encoder.restart()


def _early(session: WorkerSession) -> float:
    """How many seconds before its time a session may be stepped: live sound would lack its last packets."""
    return 0.0 if isinstance(session.source, Microphone) else TOGETHER


def _bearable(error: Exception) -> Exception:
    """The error, if sessions can go on after it; what is unknown ends the worker, and another takes over."""
    if is_out_of_memory(error):
        torch.cuda.empty_cache()
    elif not isinstance(error, FloatingPointError | ValueError):
        raise error
    return error


def _told(error: Exception) -> str:
    """What a viewer is told of an error."""
    return FULL if is_out_of_memory(error) else str(error)


def _wanted_by(chunks: Sequence[WorkerSession | _InHand], now: float) -> float:
    """When the first of the next segments is to be there; infinity without any."""
    sessions = [one.session if isinstance(one, _InHand) else one for one in chunks]
    return min((_due(session, now) for session in sessions), default=float("inf"))


def _due(session: WorkerSession, now: float) -> float:
    """When its next segment is to be there; live sound soon, whatever of the past its viewer has in hand."""
    due = session.due()
    if due is None:
        return float("-inf")
    return min(due, now + SEGMENT_SECONDS) if isinstance(session.source, Microphone) else due


def _alike(session: WorkerSession, other: WorkerSession) -> bool:
    """Whether two sessions can be stepped as one batch."""
    if session is other or session.alone or other.alone:
        return session is other
    one, two = session.snapshot.state, other.snapshot.state
    return (one.levels, one.memory.layout) == (two.levels, two.memory.layout)
