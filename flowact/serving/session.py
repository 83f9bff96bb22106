"""One live session inside the worker: what it says and does, how fast, and how it is encoded."""

from __future__ import annotations

from collections import deque
from typing import Final

import torch

from flowact.conditioning.window import AudioTimeline
from flowact.media.watermark import Watermark
from flowact.pipeline import FlowActPipeline
from flowact.serving.audio_source import (
    AudioSource,
    Microphone,
    Reply,
    Silence,
    from_pcm16,
    source_of,
)
from flowact.serving.encoding import make_encoder
from flowact.serving.messages import Create, PushAudio, Say
from flowact.serving.pacing import REMEMBERED, SEGMENT_SECONDS, Pace
from flowact.serving.reference_cache import EncodedReference
from flowact.serving.snapshot import SessionSnapshot, restored
from flowact.streaming.state import SessionState
from flowact.timebase import LATENTS_PER_CHUNK, SAMPLES_PER_LATENT

AFTER_INTERRUPTION: Final = "listening"


class WorkerSession:
    """A session's identity, its present state, its sound, its pace.

    Attributes:
        snapshot: state before the next chunk; replaced as a whole with every latent. Of a chunk
            that is shown in part, the decoder and the sound have gone on, and the state has not.
        shown: latents of the next chunk that were sent already.
        painting: what paints the latents after these, while something does; whoever finds another there,
            or nothing, was given up.
        source: where the sound of the next chunk comes from.
        pace: when the next chunk is due.
        taken: how late the last segments came, as `pacing.lead` takes it.
        failed: whether the last chunk could not be made.
        alone: whether a chunk of several failed, and this session is to be tried without the others.
        departing: whether it is to be given away.

    Raises:
        ValueError: it is to go on from a snapshot that cannot be read, or of another model.
    """

    def __init__(
        self,
        create: Create,
        pipeline: FlowActPipeline,
        reference: EncodedReference,
        mark: Watermark,
    ) -> None:
        self.name, self.action, self.epoch = create.session, create.action, create.epoch
        self.features = reference.features
        self.snapshot = _first_snapshot(create, pipeline, reference)
        resume = create.resume
        self.source: AudioSource = Silence() if resume is None else source_of(resume.source)
        self.encoder = make_encoder(create.codec, mark)
        self.pace = Pace()
        self.taken: deque[float] = deque(maxlen=REMEMBERED * LATENTS_PER_CHUNK)
        self.shown = 0
        self.painting: object | None = None
        self.flush = self.failed = self.alone = self.departing = False

    @property
    def chunk(self) -> int:
        """Number of the next chunk."""
        return int(self.snapshot.state.emitted[0])

    @property
    def segment(self) -> int:
        """Number of the next segment."""
        return self.chunk * LATENTS_PER_CHUNK + self.shown

    def ready(self) -> range:
        """Latents of the next chunk that are to be shown now."""
        more = self.source.ready(LATENTS_PER_CHUNK - self.shown)
        return range(self.shown, self.shown + more)

    def say(self, command: Say) -> None:
        """Begin a reply, or append to the one of the same epoch."""
        if not (isinstance(self.source, Reply) and command.epoch == self.epoch):
            if isinstance(self.source, Silence):
                self.pace = Pace()  # wanted now: the viewer hurries through the silence in hand
            self.source, self.epoch = Reply(), command.epoch
            self._restart_stream()
        self.source.extend(from_pcm16(command.sound), command.final)

    def puppet(self, epoch: int) -> None:
        """Speak live sound from now on."""
        self.source, self.epoch = Microphone(), epoch

    def hear(self, command: PushAudio) -> None:
        """Give live sound to the puppet; without one it is not for this session's mouth."""
        if isinstance(self.source, Microphone):
            self.source.push(from_pcm16(command.sound), command.received)

    def interrupt(self, epoch: int) -> None:
        """Be silent at once: the next chunk is wanted now and nothing older counts."""
        self.source, self.epoch, self.flush = Silence(), epoch, True
        self.action = AFTER_INTERRUPTION
        self.pace = Pace()
        self.encoder.restart()  # frames on their way are dropped, so none may be referred to
        self._restart_stream()

    def due(self) -> float | None:
        """Return when its next segment is to be there, by the engine's clock; `None`: at once."""
        pace = self.pace
        if pace.origin is None:
            return None
        return pace.origin + (self.segment - pace.first) * SEGMENT_SECONDS

    def listened(self) -> AudioTimeline:
        """Return the timeline with all that is now known of the future, and none of the past's."""
        known = self.snapshot.timeline.cut(self.segment * SAMPLES_PER_LATENT)
        return known.push(torch.from_numpy(self.source.ahead(len(self.ready()))))

    @property
    def between(self) -> bool:
        """Whether it stands between two chunks."""
        return not self.shown and self.painting is None

    def _restart_stream(self) -> None:
        """Let the next latents hear the new sound only: those in flight were made for the old one."""
        snapshot, self.painting = self.snapshot, None
        self.snapshot = SessionSnapshot(
            snapshot.state.restarted(), snapshot.decoder, snapshot.timeline
        )


def _first_snapshot(
    create: Create, pipeline: FlowActPipeline, reference: EncodedReference
) -> SessionSnapshot:
    chunks = pipeline.scheduler.settings.schedule.chunks
    latent = reference.features.latent[:, None].float().to(pipeline.device)
    start = SessionState.start(latent, [create.seed], chunks)
    if create.resume is not None:
        return restored(create.resume.snapshot, pipeline.tokenizer, reference.features, start)
    return SessionSnapshot(start, reference.decoder, AudioTimeline.empty())
