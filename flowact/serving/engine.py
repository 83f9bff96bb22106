"""All live sessions of a worker, and the one loop step that brings those forward that are due."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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


class Engine:
    """Steps every session when it is due.

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
                live = isinstance(session.source, Microphone)
                between = live and not session.shown
                if between and self._begin(session) - self._now() > UNHURRIED:
                    self._depart(session)
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
        """Return the seconds until a session is due; 0 if one is, 1 at most."""
        begins = [self._begin(session) for session in self.sessions.values()]
        return min(max(min(begins, default=float("inf")) - self._now(), 0.0), 1.0)

    def advance(self) -> None:
        """Make the next chunk of every session that is due, and of those that nearly are."""
        now = self._now()
        ordered = sorted(self.sessions.values(), key=self._begin)
        if not ordered or self._begin(ordered[0]) > now:
            return
        due = [session for session in ordered if self._begin(session) <= now + _early(session)]
        for group in _alike(due):
            self._advance(group)
        for session in due:
            if session.departing and not session.shown and session.name in self.sessions:
                self._depart(session)
        self._load_meter.worked(now, self._now())

    def _begin(self, session: WorkerSession) -> float:
        """Return when work on a session's next chunk begins; one that departs takes a chunk along, if it can."""
        if session.departing and not isinstance(session.source, Microphone):
            return float("-inf")
        return session.source.begin(session.pace.begin(session.segment, lead(session.taken)))

    def _due(self, session: WorkerSession, now: float) -> float:
        """Return when it should have begun, for the figures: live sound is taken when it is there."""
        live = isinstance(session.source, Microphone)
        if live or session.departing or session.pace.origin is None:
            return now
        return self._begin(session)

    def _advance(self, group: Sequence[WorkerSession]) -> None:
        """Make one chunk of every session of a group, and send it segment by segment."""
        started, now = time.time(), self._now()
        begins = [self._due(session, now) for session in group]
        timelines = [session.listened() for session in group]
        try:
            stepped = self._step(group, timelines)
        except (FloatingPointError, ValueError, RuntimeError, MemoryError) as error:
            self._recover(group, _bearable(error))
            return
        self._emit(Heartbeat("denoise", self.busy))
        took = time.time() - started
        renderings = [
            ChunkRenderer(
                session,
                Denoised(state, timeline, latents, started, max(now - begin, 0.0), took),
                self._pipeline,
                hurried=self._load_meter.overloaded,
            )
            for session, timeline, (state, latents), begin in zip(
                group, timelines, stepped, begins, strict=True
            )
        ]
        try:
            self._paint(group, renderings, begins, now)
        except (RuntimeError, MemoryError) as error:
            self._recover(group, _bearable(error))
            return
        for session in group:
            session.failed = False

    def _paint(
        self,
        group: Sequence[WorkerSession],
        renderings: Sequence[ChunkRenderer],
        begins: Sequence[float],
        now: float,
    ) -> None:
        """Decode, encode and send the chunks of a group, part by part."""
        for place in range(LATENTS_PER_CHUNK):
            shown = [
                (session, rendering, begin)
                for session, rendering, begin in zip(group, renderings, begins, strict=True)
                if place < len(rendering.parts)
            ]
            segments = self._painters.map(
                lambda row, at=place: row[1].segment(row[1].parts[at]), shown
            )
            for (session, _, begin), segment in zip(shown, segments, strict=True):
                self._emit(segment)
                self._delivered(session, segment.index, min(begin, now) + place * SEGMENT_SECONDS)

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

    def _recover(self, group: Sequence[WorkerSession], error: Exception) -> None:
        """Find the session of a failed group that is at fault, and begin its stream anew.

        Its memory is from before the failure. When it fails a second time, the memory is at fault, and
        the session ends.
        """
        if len(group) > 1:
            for session in group:
                self._advance([session])
            return
        (session,) = group
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


def _alike(sessions: Sequence[WorkerSession]) -> list[list[WorkerSession]]:
    """Group sessions whose states can be stacked, in the order in which they are due."""
    groups: dict[object, list[WorkerSession]] = {}
    for session in sessions:
        state = session.snapshot.state
        groups.setdefault((state.levels, state.memory.layout), []).append(session)
    return list(groups.values())
