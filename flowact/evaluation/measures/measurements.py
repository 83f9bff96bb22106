"""What was seen in the frames made for a subject; the frames themselves are not kept."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flowact.evaluation.judges.readers import MouthReader, face_crop, read_mouth
from flowact.evaluation.subjects import Frame, Subject
from flowact.pipeline import FlowActPipeline
from flowact.timebase import FRAME_SIZE

SMALL = 60
"""Edge of the small grey pictures in which motion is measured, in pixels."""

SHOTS = 6
"""Pictures of a take that are kept to be looked at."""

SHOT_EVERY = 18
"""Frames between two of them, 0.72 s."""

Curve = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Take:
    """One subject's frames, as far as they are measured.

    Attributes:
        subject: who speaks, and the truth.
        opening: of the mouth [frames], 0 as in the portrait.
        blink: closure of the eyes [frames].
        crops: faces, uint8 [frames, 3, 88, 80].
        small: whole pictures in grey, float32 [frames, 60, 60], 0 to 255.
        change: mean difference of each frame from the one before, in grey levels [frames - 1].
        shots: up to six whole pictures at half size, uint8 [240, 240, 3] each.
        portrait: the subject's, at half size too.
    """

    subject: Subject
    opening: Curve
    blink: Curve
    crops: Tensor
    small: NDArray[np.float32]
    change: Curve
    shots: list[Frame]
    portrait: Frame


def measure_frames(subject: Subject, frames: Iterable[Frame], reader: MouthReader) -> Take:
    """Look at frames uint8 [480, 480, 3] once, in order. Raises ValueError when there are none."""
    crops, small, change = [], [], []
    shots: list[Frame] = []
    before: NDArray[np.int16] | None = None
    for index, frame in enumerate(frames):
        now = grey(frame)
        if before is not None:
            change.append(difference(before, now))
        before = now
        crops.append(face_crop(frame))
        small.append(_shrink(now))
        if index % SHOT_EVERY == SHOT_EVERY // 2 and len(shots) < SHOTS:
            shots.append(frame[::2, ::2].copy())
    if not crops:
        raise ValueError(f"no frames were made for {subject.name}, expected some")
    faces, portrait = torch.stack(crops), subject.reference
    mouth = read_mouth(reader, faces)
    rest = read_mouth(reader, face_crop(portrait)[None])[0, 0]
    opening = np.clip(mouth[:, 0] - rest, 0, None)
    pictures = np.stack(small)
    return Take(
        subject, opening, mouth[:, 1], faces, pictures, np.array(change), shots, portrait[::2, ::2]
    )  # fmt: skip


def generated(
    pipeline: FlowActPipeline, reader: MouthReader, subjects: Iterable[Subject]
) -> Iterator[Take]:
    """Let the pipeline make every subject's frames, each from a seed of its own."""
    for seed, subject in enumerate(subjects):
        yield measure_frames(subject, subject.stream(pipeline, seed), reader)


def rendered(reader: MouthReader, subjects: Iterable[Subject]) -> Iterator[Take]:
    """Look at the clips themselves: what a perfect model would be measured as."""
    for subject in subjects:
        if subject.clip is not None:
            clip = subject.clip
            yield measure_frames(subject, (clip.frame(i) for i in range(len(clip))), reader)


def grey(frame: Frame) -> NDArray[np.int16]:
    """Brightness of a frame uint8 [480, 480, 3]: [480, 480] in 0..255; green counts twice."""
    red, green, blue = (frame[..., i].astype(np.int16) for i in range(3))
    return (red + 2 * green + blue) >> 2


def difference(before: NDArray[np.int16], after: NDArray[np.int16]) -> float:
    """Mean difference of two frames' brightness in grey levels."""
    return float(np.abs(after - before).mean())


def _shrink(grey: NDArray[np.int16]) -> NDArray[np.float32]:
    cell = FRAME_SIZE // SMALL
    return grey.reshape(SMALL, cell, SMALL, cell).mean((1, 3), dtype=np.float32)
