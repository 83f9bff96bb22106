"""What `flowact eval` measures on: held-out clips with their truth, and the frames made for their sound."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.media import Recording
from flowact.pipeline import FlowActPipeline
from flowact.synthesis.clip import Clip
from flowact.synthesis.performance import quiet_frames
from flowact.synthesis.phonemes import viseme_of
from flowact.timebase import SAMPLE_RATE

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """One held-out clip.

    Attributes:
        name: its file's name.
        known: whether the person is one of the named characters, which training has seen.
        reference: the portrait, uint8 [480, 480, 3].
        samples: what is said, float32 at 16 kHz.
        opening: true opening of the mouth [frames].
        silent: frames in which nothing is said.
        closures: start and end of every P, B and M in seconds.
    """

    name: str
    known: bool
    reference: Frame
    samples: NDArray[np.float32]
    opening: NDArray[np.float32]
    silent: NDArray[np.bool_]
    closures: tuple[tuple[float, float], ...]

    def stream(self, pipeline: FlowActPipeline, seed: int = 0) -> Iterator[Frame]:
        """Frames that the pipeline makes of the portrait and the sound."""
        recording = Recording.from_samples(self.samples, SAMPLE_RATE)
        with closing(pipeline.stream(self.reference, recording, seed=seed)) as frames:
            for frame in frames:
                yield frame.image


def load_subject(path: Path) -> Subject:
    """Read a clip as a subject."""
    clip = Clip.load(path)
    opening = np.asarray(clip.opening, np.float32)
    closed = ((p[1], p[2]) for p in clip.phonemes if viseme_of(p[0]) == "PP")
    return Subject(
        path.stem,
        clip.meta["character"] is not None,
        clip.reference_image(),
        (np.asarray(clip.audio, np.float32) / 32768).astype(np.float32),
        opening,
        quiet_frames(clip.phonemes, len(opening)),
        tuple(closed),
    )


def held_out(data: Path, limit: int | None) -> list[Path]:
    """The held-out clips of a data set. Raises UserError when there are none."""
    paths = sorted((data / "heldout").glob("*.npz"))[:limit]
    if not paths:
        raise UserError(
            f"{data} has no held-out clips; make them with `flowact synth --out {data}`."
        )
    return paths
