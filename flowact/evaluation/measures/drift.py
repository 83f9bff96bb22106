"""Whether a person, and the lips, stay the same over minutes or hours of a session."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Final, Self

import numpy as np
import torch
from scipy.stats import linregress, t
from torch import Tensor

from flowact.evaluation.judges import scores
from flowact.evaluation.judges.readers import MouthReader, face_crop, read_mouth
from flowact.evaluation.judges.scores import LipSync, lip_sync
from flowact.evaluation.measures.measurements import Curve
from flowact.evaluation.measures.reconstruction import own_tokenizer, signed
from flowact.evaluation.subjects import Frame, Subject
from flowact.hardware.memory import rss_mb
from flowact.media import Recording
from flowact.pipeline import FlowActPipeline, StreamedFrame
from flowact.timebase import FPS, SAMPLES_PER_FRAME
from flowact.tokenizer.tokenizer import Tokenizer

MINUTE = 60
PAUSE_FRAMES: Final = 2 * FPS
PIECE: Final = 10
"""Seconds that hang together when chance is estimated."""
RESAMPLES: Final = 2000
MEASURES: Final = ("identity", "colour", "sharpness", "motion", "memory")


@dataclass(frozen=True)
class Drift:
    """Sessions, once a second, and their lips frame by frame.

    Attributes:
        seconds: when, `[seconds]`.
        identity, colour: distance to the reference, `[sessions, seconds]`, as the next ones.
        sharpness: of the picture.
        motion: since the last frame.
        memory: that the process holds, in MB.
        opening: of the mouth in every frame, `[sessions, frames]`.
        expected: what it should be; not a number where that is not known.
    """

    seconds: Curve
    identity: Curve
    colour: Curve
    sharpness: Curve
    motion: Curve
    memory: Curve
    opening: Curve
    expected: Curve

    @classmethod
    def joined(cls, sessions: Sequence[Self]) -> Self:
        """Sessions of one length as one."""
        others = (field.name for field in fields(cls) if field.name != "seconds")
        rows = {name: np.concatenate([getattr(s, name) for s in sessions]) for name in others}
        return cls(seconds=sessions[0].seconds, **rows)

    def by_minute(self) -> dict[str, list[float]]:
        """Means of every measure in minute 1, 2, ..., and `lips`, the correlation of opening and expectation.

        A last minute of less than half its time is left out.
        """
        minute = (self.seconds // MINUTE).astype(int)
        last = int(minute[-1]) + (np.count_nonzero(minute == minute[-1]) >= MINUTE // 2)
        means = {
            name: [float(getattr(self, name)[:, minute == m].mean()) for m in range(last)]
            for name in MEASURES
        }
        return means | {"lips": [self.lip_sync(m).correlation for m in range(last)]}

    def lip_sync(self, minute: int) -> LipSync:
        """Correlation and lag of one minute, counted from 0."""
        frames = slice(minute * MINUTE * FPS, (minute + 1) * MINUTE * FPS)
        return lip_sync([*self.opening[:, frames]], [*self.expected[:, frames]])

    @property
    def end_minutes(self) -> int:
        """Minutes at either end that are compared: a sixth of the session, one at least.

        One minute of an hour differs from the next by more than the hour's drift does.
        """
        return max(1, len(self.by_minute()["lips"]) // 6)

    def growth(self) -> dict[str, float]:
        """The mean of the last minutes over that of the first ones, of every measure; see `end_minutes`."""
        ends = self.end_minutes
        return {
            name: float(np.mean(means[-ends:])) / max(float(np.mean(means[:ends])), 1e-9)
            for name, means in self.by_minute().items()
        }

    def departures(self, apart: Mapping[str, float]) -> dict[str, list[float]]:
        """How far every minute is from the first one, as a share.

        Args:
            apart: distance in identity and colour between two people, see `people_apart`: a share of it is
                how far somebody has become somebody else. Sharpness is a share of the first minute's.
        """
        minutes = self.by_minute()
        return {
            name: [
                abs(mean - minutes[name][0]) / apart.get(name, minutes[name][0])
                for mean in minutes[name]
            ]
            for name in ("identity", "colour", "sharpness")
        }

    def trend(self, name: str) -> tuple[float, float, float]:
        """Change of a measure from the first to the last minute by the line through all, over its mean.

        Returns:
            It, and what it could be with 95 % probability if minutes differ by chance; not-a-number for fewer
            than three minutes. Of a long session it tells more than its two ends do.
        """
        means = np.array(self.by_minute()[name])
        if len(means) < 3:
            return (float("nan"),) * 3
        line = linregress(np.linspace(0, 1, len(means)), means)
        reach = line.stderr * t.ppf(0.975, len(means) - 2)
        low, middle, high = (line.slope + np.array([-reach, 0, reach])) / max(means.mean(), 1e-9)
        return float(middle), float(low), float(high)

    def growth_range(self, name: str) -> tuple[float, float]:
        """What a measure's growth could have been by chance, with 95 % probability.

        A gesture moves a minute's mean by more than drift would. So sessions are drawn anew, and of each
        pieces of ten seconds, the same ones of both ends, in which the same is said.
        """
        values, ends = getattr(self, name), self.end_minutes
        starts = (0, len(self.by_minute()[name]) - ends)
        first, final = (_pieces(values[:, m * MINUTE : (m + ends) * MINUTE]) for m in starts)
        sessions, pieces = len(first), min(first.shape[1], final.shape[1])
        rng = np.random.default_rng(0)
        who = rng.integers(0, sessions, (RESAMPLES, sessions, 1))
        when = rng.integers(0, pieces, (RESAMPLES, sessions, pieces))
        before, after = (end[who, when].mean((1, 2)) for end in (first, final))
        growths = after / np.maximum(before, 1e-9)
        low, high = np.quantile(growths, (0.025, 0.975))
        return float(low), float(high)


def people_apart(tokenizer: Tokenizer, portraits: Sequence[Frame]) -> dict[str, float]:
    """Mean distance in identity and colour between the portraits of two people."""
    pairs = [
        IdentityWatch(tokenizer, one).look(other)[:2] for one, other in combinations(portraits, 2)
    ]
    identity, colour = np.mean(pairs, axis=0)
    return {"identity": float(identity), "colour": float(colour)}


def _pieces(minutes: Curve) -> Curve:
    """Means of pieces of some minutes `[sessions, seconds]`, `[sessions, pieces]`."""
    whole = minutes.shape[1] // PIECE * PIECE
    means: Curve = minutes[:, :whole].reshape(len(minutes), -1, PIECE).mean(2)
    return means


def measure_drift(
    pipeline: FlowActPipeline,
    reader: MouthReader,
    subjects: list[Subject],
    minutes: float,
    sessions: int = 1,
) -> Drift:
    """Let people say the same things minute after minute, and watch.

    Args:
        pipeline: that makes them.
        reader: of their mouths.
        subjects: what is said, and whose portraits are taken, one after the other.
        minutes: how long.
        sessions: how many. How someone holds their head differs by more from minute to minute than
            drift would; only several sessions tell the two apart.

    Raises:
        ValueError: less than half a minute.
    """
    if minutes < 0.5:
        raise ValueError(f"drift over {minutes} minutes cannot be told, expected at least 0.5")
    frames = int(minutes * MINUTE * FPS)
    said, expected = _minute(subjects)
    recording = Recording.from_samples(
        np.resize(said, frames * SAMPLES_PER_FRAME), max_minutes=minutes + 1
    )
    watched = []
    for seed in range(sessions):
        reference = subjects[seed % len(subjects)].reference
        stream = pipeline.stream(reference, recording, seed=seed)
        watch = IdentityWatch(own_tokenizer(pipeline), reference)
        watched.append(_watched(stream, watch, reader, np.resize(expected, frames)))
    return Drift.joined(watched)


def _watched(
    frames: Iterable[StreamedFrame], watch: "IdentityWatch", reader: MouthReader, expected: Curve
) -> Drift:
    """One session."""
    rest = float(read_mouth(reader, face_crop(watch.reference)[None])[0, 0])
    # One array for the whole session: small ones that stay, made between the reader's large ones that go, leave
    # holes in the heap that no large one fits any more.
    opening = np.zeros(len(expected), np.float32)
    rows: list[tuple[float, ...]] = []
    crops, previous = [], watch.reference
    for frame in frames:
        crops.append(face_crop(frame.image))
        if frame.index % FPS == FPS - 2:
            previous = frame.image
        if frame.index % FPS == FPS - 1:
            moved = float(np.abs(frame.image.astype(np.int16) - previous).mean())
            second = slice(len(rows) * FPS, (len(rows) + 1) * FPS)
            opening[second] = read_mouth(reader, torch.stack(crops))[:, 0] - rest
            rows.append((frame.time_s, *watch.look(frame.image), moved, rss_mb()))
            crops = []
    seen = len(rows) * FPS
    seconds, *measured = np.array(rows).T
    session = (*measured, opening[:seen].clip(min=0), expected[:seen])
    return Drift(seconds, *(values[None] for values in session))


def _minute(subjects: list[Subject]) -> tuple[Curve, Curve]:
    """A minute of what the subjects say, with pauses in which nothing is said: sound and opening.

    Exactly a minute, so that what differs between minutes is not what is said in them.
    """
    pause = np.zeros(PAUSE_FRAMES * SAMPLES_PER_FRAME, np.float32)
    said, expected = [], []
    for subject in subjects:
        frames = len(subject.opening)
        said += [np.resize(subject.samples, frames * SAMPLES_PER_FRAME), pause]
        expected += [subject.opening, np.zeros(PAUSE_FRAMES, np.float32)]
    frames = MINUTE * FPS
    return (
        np.resize(np.concatenate(said), frames * SAMPLES_PER_FRAME),
        np.resize(np.concatenate(expected), frames),
    )


class IdentityWatch:
    """Compares frames with the reference.

    The distance in identity is one minus the cosine of the tokenizer's reference features of the face view,
    averaged over space: hair, skin, clothes and light count, pose hardly does.
    """

    def __init__(self, tokenizer: Tokenizer, reference: Frame) -> None:
        self._tokenizer, self.reference = tokenizer, reference
        self._home = self._features(reference)

    def look(self, frame: Frame) -> tuple[float, float, float]:
        """Distance in identity (0 for the reference) and in colour, and sharpness."""
        identity = 1 - torch.cosine_similarity(self._features(frame), self._home, dim=0)
        colour = scores.colour_distance(frame, self.reference)
        return float(identity), colour, scores.sharpness(frame)

    @torch.inference_mode()
    def _features(self, frame: Frame) -> Tensor:
        view = self._tokenizer.face
        picture = signed(torch.from_numpy(frame.copy()).movedim(-1, 0)[None])
        weight = next(view.reference.parameters())
        found = view.reference(picture.to(weight))
        maps = (found.warpable, *found.guides)
        return torch.cat([m.float().mean((0, 2, 3)) for m in maps]).cpu()
