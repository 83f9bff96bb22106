"""A chunk's way from latents to segments that can be sent: decoded, encoded and cut one by one.

The viewer sees the first third of a chunk while the rest is being painted, so what counts for every
delay is the time of a segment and not that of a chunk.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor

from flowact.pipeline import FlowActPipeline
from flowact.serving.audio_source import Silence, to_pcm16
from flowact.serving.messages import MediaSegment, Timings
from flowact.serving.session import WorkerSession
from flowact.serving.snapshot import SessionSnapshot, stored
from flowact.timebase import LATENTS_PER_CHUNK, SAMPLE_RATE, SAMPLES_PER_LATENT

SNAPSHOT_EVERY: Final = 4
"""Chunks between two snapshots: after a crash a session goes back by at most two seconds."""


@dataclass(frozen=True)
class Denoised:
    """What the transformer has made of a session's chunk, and when.

    Attributes:
        snapshot: the session after the chunk, but for what the decoder remembers.
        latents: `[1, 3, channels, height, width]`.
        started: when work began, by `time.time()`.
        waited, denoise: seconds before that and since.
    """

    snapshot: SessionSnapshot
    latents: Tensor
    started: float
    waited: float
    denoise: float


class ChunkRenderer:
    """One session's chunk; call `segment` for each of its three parts in order.

    Args:
        session: whose; moved on to the chunk's end by the last segment.
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
        self._session, self._chunk = session, chunk
        self._tokenizer, self._decoder = pipeline.tokenizer, chunk.snapshot.decoder
        self._device = pipeline.decoder_device
        self._taken = session.source.take()
        self._coarse = hurried and not self._taken.speaking
        self._first, self._flush = session.segment, session.flush
        session.flush = False
        if self._taken.finished:
            session.source = Silence()

    def segment(self, part: int) -> MediaSegment:
        """Decode and encode one latent."""
        begun = time.time()
        session, latent = self._session, self._chunk.latents[:, [part]].to(self._device)
        frames, self._decoder = self._tokenizer.decode_uint8(
            self._decoder, latent, session.features, coarse=self._coarse
        )
        decoded = time.time()
        encoded = session.encoder.encode(frames[0].numpy(force=True))
        last = part == LATENTS_PER_CHUNK - 1
        samples = slice(part * SAMPLES_PER_LATENT, (part + 1) * SAMPLES_PER_LATENT)
        return MediaSegment(
            session=session.name,
            epoch=session.epoch,
            index=self._first + part,
            frames=encoded,
            sound=to_pcm16(self._taken.sound[samples]),
            speaking=self._taken.speaking,
            pending=self._taken.pending,
            finished=self._taken.finished and last,
            flush=self._flush and part == 0,
            timings=self._timings(part, begun, decoded),
            snapshot=self._finish() if last else None,
        )

    def _timings(self, part: int, begun: float, decoded: float) -> Timings:
        chunk, made = self._chunk, time.time()
        after = (LATENTS_PER_CHUNK - 1 - part) * SAMPLES_PER_LATENT / SAMPLE_RATE
        return Timings(
            heard=self._taken.received - after if self._taken.received else 0.0,
            started=chunk.started,
            made=made,
            waited=chunk.waited if part == 0 else 0.0,
            denoise=chunk.denoise if part == 0 else 0.0,
            decode=decoded - begun,
            encode=made - decoded,
        )

    def _finish(self) -> bytes | None:
        """Move the session on and return its snapshot when one is due."""
        number = self._session.chunk
        self._session.snapshot = replace(self._chunk.snapshot, decoder=self._decoder)
        due = number % SNAPSHOT_EVERY == 0
        return stored(self._session.snapshot, self._tokenizer) if due else None
