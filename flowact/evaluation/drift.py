"""Whether a person stays the same over minutes of one session."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flowact.evaluation import scores
from flowact.evaluation.reconstruction import own_tokenizer, signed
from flowact.evaluation.subjects import Frame, Subject
from flowact.media import Recording
from flowact.pipeline import FlowActPipeline
from flowact.timebase import FPS, SAMPLES_PER_FRAME
from flowact.tokenizer.tokenizer import Tokenizer

MINUTE = 60


@dataclass(frozen=True)
class Drift:
    """Once a second: distance to the reference in identity and colour, sharpness, and motion since the last frame."""

    seconds: NDArray[np.float64]
    identity: NDArray[np.float64]
    colour: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    motion: NDArray[np.float64]

    def by_minute(self) -> dict[str, list[float]]:
        """Means of every measure in minute 1, 2, ...; a last minute of less than half its time is left out."""
        minute = (self.seconds // MINUTE).astype(int)
        last = int(minute[-1]) + (np.count_nonzero(minute == minute[-1]) >= MINUTE // 2)
        return {
            field.name: [float(getattr(self, field.name)[minute == m].mean()) for m in range(last)]
            for field in fields(self)
            if field.name != "seconds"
        }

    def growth(self) -> dict[str, float]:
        """The last minute's mean over the first minute's, of every measure."""
        return {name: means[-1] / max(means[0], 1e-9) for name, means in self.by_minute().items()}


def measure_drift(pipeline: FlowActPipeline, subjects: list[Subject], minutes: float) -> Drift:
    """Let the first subject's person say what all subjects say, over and over, and watch.

    Raises ValueError for less than half a minute.
    """
    if minutes < 0.5:
        raise ValueError(f"drift over {minutes} minutes cannot be told, expected at least 0.5")
    speech = np.concatenate([s.samples for s in subjects])
    samples = np.resize(speech, int(minutes * MINUTE * FPS) * SAMPLES_PER_FRAME)
    recording = Recording.from_samples(samples, max_minutes=minutes + 1)
    reference = subjects[0].reference
    watch = IdentityWatch(own_tokenizer(pipeline), reference)
    rows, previous = [], reference
    for frame in pipeline.stream(reference, recording):
        if frame.index % FPS == FPS - 2:
            previous = frame.image
        if frame.index % FPS == FPS - 1:
            motion = float(np.abs(frame.image.astype(np.int16) - previous).mean())
            rows.append((frame.time_s, *watch.look(frame.image), motion))
    return Drift(*np.array(rows).T)


class IdentityWatch:
    """Compares frames with the reference.

    The distance in identity is one minus the cosine of the tokenizer's reference features of the face view,
    averaged over space: hair, skin, clothes and light count, pose hardly does.
    """

    def __init__(self, tokenizer: Tokenizer, reference: Frame) -> None:
        self._tokenizer, self._reference = tokenizer, reference
        self._home = self._features(reference)

    def look(self, frame: Frame) -> tuple[float, float, float]:
        """Distance in identity (0 for the reference) and in colour, and sharpness."""
        identity = 1 - torch.cosine_similarity(self._features(frame), self._home, dim=0)
        colour = scores.colour_distance(frame, self._reference)
        return float(identity), colour, scores.sharpness(frame)

    @torch.inference_mode()
    def _features(self, frame: Frame) -> Tensor:
        view = self._tokenizer.face
        picture = signed(torch.from_numpy(frame.copy()).movedim(-1, 0)[None])
        dtype = next(view.reference.parameters()).dtype
        found = view.reference(picture.to(dtype))
        maps = (found.warpable, *found.guides)
        return torch.cat([m.float().mean((0, 2, 3)) for m in maps])
