"""What `flowact eval` measures on: a portrait, a voice, and what a mouth that says it should do."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.clip import Clip
from flowact.datagen.performance.behaviours import opens_without_speech
from flowact.datagen.performance.performance import quiet_frames
from flowact.datagen.voice.phonemes import viseme_of
from flowact.errors import UserError
from flowact.media import Recording
from flowact.media.audio import SILENCE_PEAK
from flowact.pipeline import FlowActPipeline
from flowact.timebase import SAMPLE_RATE

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """One recording to be said by one person.

    Attributes:
        name: its file's name.
        reference: the portrait, uint8 [480, 480, 3].
        samples: what is said, float32 at 16 kHz.
        opening: how far the mouth should open [frames]; not a number where something else than speech
            opens it.
        silent: frames in which nothing is said.
        closures: start and end of every P, B and M in seconds.
        clip: the rendered clip it was taken from; None for a real person's recording.
    """

    name: str
    reference: Frame
    samples: NDArray[np.float32]
    opening: NDArray[np.float32]
    silent: NDArray[np.bool_]
    closures: tuple[tuple[float, float], ...]
    clip: Clip | None = None

    def stream(self, pipeline: FlowActPipeline, seed: int = 0) -> Iterator[Frame]:
        """Frames that the pipeline makes of the portrait and the sound."""
        recording = Recording.from_samples(self.samples, SAMPLE_RATE)
        with closing(pipeline.stream(self.reference, recording, seed=seed)) as frames:
            for frame in frames:
                yield frame.image


def clip_subject(path: Path) -> Subject:
    """Read a clip as a subject."""
    clip = Clip.load(path)
    other = opens_without_speech(clip.behaviour)
    opening = np.where(other, np.nan, np.asarray(clip.opening, np.float32))
    closed = ((p[1], p[2]) for p in clip.phonemes if viseme_of(p[0]) == "PP")
    return Subject(
        path.stem,
        clip.reference_image(),
        (np.asarray(clip.audio, np.float32) / 32768).astype(np.float32),
        opening,
        quiet_frames(clip.phonemes, len(opening)),
        tuple(closed),
        clip,
    )


def speaking_clips(paths: list[Path]) -> list[Subject]:
    """The clips in which something is said. Raises UserError when there is none."""
    subjects = [clip_subject(path) for path in paths]
    spoken = [s for s in subjects if np.abs(s.samples).max() > SILENCE_PEAK and not s.silent.all()]
    if not spoken:
        raise UserError(f"nothing is said in the {len(paths)} clip(s) to measure on.")
    return spoken


def held_out(data: Path, limit: int | None) -> list[Path]:
    """The held-out clips of a data set. Raises UserError when there are none."""
    paths = sorted((data / "heldout").glob("*.npz"))[:limit]
    if not paths:
        raise UserError(
            f"{data} has no held-out clips; make them with `flowact synth --out {data}`."
        )
    return paths
