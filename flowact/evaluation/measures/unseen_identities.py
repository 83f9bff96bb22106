"""People whom the model was not trained on: whether they stay themselves, and whether they speak."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from flowact import assets
from flowact.errors import UserError
from flowact.evaluation.judges.readers import MouthReader
from flowact.evaluation.judges.scores import correlation, speaking_range
from flowact.evaluation.measures.drift import IdentityWatch
from flowact.evaluation.measures.measurements import Curve, Take, measure_frames
from flowact.evaluation.measures.reconstruction import own_tokenizer
from flowact.evaluation.subjects import Frame, Subject
from flowact.media import Recording, load_reference
from flowact.pipeline import FlowActPipeline

LOOK_EVERY: Final = 5
"""Frames between two at which a person is compared with the portrait."""


@dataclass(frozen=True)
class Likeness:
    """What one person's frames were like.

    Attributes:
        take: the frames, as far as they are kept.
        identity, colour: mean distance from the portrait, see `flowact.evaluation.measures.drift`.
    """

    take: Take
    identity: float
    colour: float


def pictures_in(folder: Path) -> list[Path]:
    """The files of a folder. Raises UserError when there is none."""
    paths = sorted(p for p in folder.glob("*") if p.is_file() and not p.name.startswith("."))
    if not paths:
        raise UserError(f"There are no pictures in {folder}.")
    return paths


def measure(
    pipeline: FlowActPipeline, reader: MouthReader, pictures: Iterable[Path]
) -> Iterator[Likeness]:
    """Let every picture say the sample sentence."""
    recording = Recording.open(assets.sample_speech())
    unknown = np.full(recording.video_frames, np.nan, np.float32)
    for path in pictures:
        portrait = load_reference(path)
        subject = Subject(path.stem, portrait, recording.read(), unknown, unknown > 0, ())
        yield _likeness(pipeline, reader, subject)


def _likeness(pipeline: FlowActPipeline, reader: MouthReader, subject: Subject) -> Likeness:
    identity = IdentityWatch(own_tokenizer(pipeline), subject.reference)
    looks: list[tuple[float, float, float]] = []

    def watched() -> Iterator[Frame]:
        for index, frame in enumerate(subject.stream(pipeline)):
            if index % LOOK_EVERY == 0:
                looks.append(identity.look(frame))
            yield frame

    take = measure_frames(subject, watched(), reader)
    distance, colour, _ = np.mean(looks, axis=0)
    return Likeness(take, float(distance), float(colour))


def compared(strangers: list[Likeness], known: list[Likeness]) -> dict[str, dict[str, Any]]:
    """Each stranger beside the mean of the people whom the model knows, who say the same.

    Returns:
        By name: `identity` and `colour`, how many times as far from their portraits they are; `lips`, the
        correlation of the opening that is read in them with the mean opening of the known; and `range`, how far
        they open, over how far those do. The reader of mouths was not trained on drawings or photographs either.
    """
    opening: Curve = np.mean([k.take.opening for k in known], axis=0)
    identity, colour = (
        float(np.mean([getattr(k, n) for k in known])) for n in ("identity", "colour")
    )
    wide = speaking_range(opening)
    return {
        s.take.subject.name: {
            "identity": s.identity / identity,
            "colour": s.colour / colour,
            "lips": correlation(s.take.opening, opening),
            "range": speaking_range(s.take.opening) / wide,
        }
        for s in strangers
    }
