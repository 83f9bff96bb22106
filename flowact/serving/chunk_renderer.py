"""A chunk's way from latents to segments that can be sent: decoded, encoded and cut one by one.

The viewer sees the first third of a chunk while the rest is being painted, so what counts for every
delay is the time of a segment and not that of a chunk. What a session is told in between makes the rest
worthless, as a rule: the session is always as far as what it has shown.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from flowact.conditioning.window import AudioTimeline
from flowact.pipeline import FlowActPipeline
from flowact.serving.audio_source import Silence, to_pcm16
from flowact.serving.messages import MediaSegment, Timings
from flowact.serving.session import WorkerSession
from flowact.serving.snapshot import SessionSnapshot, stored
from flowact.streaming.state import SessionState
from flowact.timebase import LATENTS_PER_CHUNK, SAMPLE_RATE, SAMPLES_PER_LATENT

SNAPSHOT_EVERY: Final = 4
"""Chunks between two snapshots: after a crash a session goes back by at most two seconds."""


@dataclass(frozen=True)
class Denoised:
    """What the transformer has made of a session's chunk, and when.

    Attributes:
        state: the session's stream after the chunk.
        timeline: the sound that it was made with.
        latents: `[1, 3, channels, height, width]`.
        started: when work began, by `time.time()`.
        waited, denoise: seconds before that and since.
    """

    state: SessionState
    timeline: AudioTimeline
    latents: Tensor
    started: float
    waited: float
    denoise: float


class ChunkRenderer:
    """What is to be shown of one session's chunk; call `paint_next` while it is `wanted`.

    Args:
        session: whose; every segment moves it on.
        chunk: the chunk's latents.
        pipeline: decodes them.
        hurried: whether there is too much to do: those who do not speak then move more coarsely.
    """

    def __init__(
        self,
        session: WorkerSession,
        chunk: Denoised,
        pipeline: FlowActPipeline,
        *,
        hurried: bool = False,
    ) -> None:
        self._session, self._chunk, self._pipeline = session, chunk, pipeline
        self._tokenizer, self._decoder = pipeline.tokenizer, session.snapshot.decoder
        self._device = pipeline.decoder_device
        self.parts = session.ready()
        self._taken, self._epoch = session.source.take(len(self.parts)), session.epoch
        self._coarse = hurried and not self._taken.speaking
        self._first, self._flush = session.segment - session.shown, session.flush
        session.flush, session.painting = False, self
        if self._taken.finished:
            session.source = Silence()

    @property
    def wanted(self) -> bool:
        """Whether there is something left to paint, and the session has not been told otherwise."""
        return self._session.painting is self

    def paint_next(self) -> MediaSegment:
        """Decode and encode the next latent."""
        return self._segment(self._session.shown)

    def _segment(self, part: int) -> MediaSegment:
        begun = time.time()
        session, latent = self._session, self._chunk.latents[:, [part]].to(self._device)
        frames, self._decoder = self._tokenizer.decode_uint8(
            self._decoder, latent, session.features, coarse=self._coarse
        )
        decoded = time.time()
        encoded = session.encoder.encode(frames[0].numpy(force=True))
        place, last = part - self.parts.start, part == self.parts[-1]
        samples = slice(place * SAMPLES_PER_LATENT, (place + 1) * SAMPLES_PER_LATENT)
        return MediaSegment(
            session=session.name,
            epoch=self._epoch,
            index=self._first + part,
            frames=encoded,
            sound=to_pcm16(self._taken.sound[samples]),
            speaking=self._taken.speaking,
            pending=self._taken.pending,
            finished=self._taken.finished and last,
            flush=self._flush and place == 0,
            timings=self._timings(part, begun, decoded),
            snapshot=self._move_on(part),
        )

    def _timings(self, part: int, begun: float, decoded: float) -> Timings:
        chunk, made, first = self._chunk, time.time(), part == self.parts.start
        after = (self.parts[-1] - part) * SAMPLES_PER_LATENT / SAMPLE_RATE
        return Timings(
            heard=self._taken.received - after if self._taken.received else 0.0,
            started=chunk.started,
            made=made,
            waited=chunk.waited if first else 0.0,
            denoise=chunk.denoise if first else 0.0,
            decode=decoded - begun,
            encode=made - decoded,
        )

    def _move_on(self, part: int) -> bytes | None:
        """Let the session be one latent further, and return its snapshot when one is due."""
        session, chunk = self._session, self._chunk
        if part == self.parts[-1]:
            session.painting = None
        if part + 1 < LATENTS_PER_CHUNK:
            before = session.snapshot.state
            session.snapshot = SessionSnapshot(before, self._decoder, chunk.timeline)
            session.shown = part + 1
            return None
        due = session.chunk % SNAPSHOT_EVERY == 0
        heard = chunk.timeline.trimmed(chunk.state.frames[0], self._pipeline.features.audio)
        session.snapshot, session.shown = SessionSnapshot(chunk.state, self._decoder, heard), 0
        return stored(session.snapshot, self._tokenizer) if due else None
