"""Two systems, one softer by half: can anything but the pictures themselves tell which is which?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from study.design import media
from study.encoding.clip_format import ClipFormat
from study.encoding.equal_sizes import equalise

Array = NDArray[np.float64]
Pair = tuple[Array, Array]
"""Features of the sharp clip and of the soft one."""

FORM = ClipFormat(64, 64, 25, preset="ultrafast")
FRAMES = 15
ITEMS = 8
PAIRS = 12
COIN = (0.025, 0.975)


@dataclass(frozen=True)
class Told:
    """How often a classifier named the softer clip.

    Attributes:
        right: share of all pairs.
        builds: share of builds that lie in the range of a coin.
        low, high: the 95 % range of a coin over the pairs of one build.
    """

    right: float
    builds: float
    low: float
    high: float


def report(builds: int, dice: np.random.Generator) -> Iterator[str]:
    """The lines of a table: clips as they are encoded, and as they are served."""
    with tempfile.TemporaryDirectory() as temporary:
        encoded, served = pairs(Path(temporary), dice)
    yield (
        f"Blinding: {builds} studies of {PAIRS} pairs, one clip of each softer by half. A classifier "
        "learns from their sizes and tables."
    )
    yield "  clips         names the softer   a coin, 95 %    studies within"
    for name, clips in (("as encoded", encoded), ("as served", served)):
        told = classified(clips, builds, dice)
        coin = f"{told.low:.2f} to {told.high:.2f}"
        yield f"  {name:<14}{told.right:>16.3f}{coin:>15}{told.builds:>18.3f}"


def pairs(folder: Path, dice: np.random.Generator) -> tuple[list[Pair], list[Pair]]:
    """Encode a sharp and a soft clip for each item; their features before and after sizes are made equal."""
    encoded, served = [], []
    for item in range(ITEMS):
        drafts = [_write(folder / f"{item}-{softness}.mp4", softness, dice) for softness in (1, 2)]
        finished = [draft.with_suffix(".equal.mp4") for draft in drafts]
        equalise(drafts, finished)
        encoded.append((features(drafts[0]), features(drafts[1])))
        served.append((features(finished[0]), features(finished[1])))
    return encoded, served


def features(path: Path) -> Array:
    """Sizes of the file, of its boxes and of all its frames, and every byte outside the media."""
    data = path.read_bytes()
    with av.open(str(path)) as container:
        frames = [float(packet.size) for packet in container.demux()]
    boxes = list(media.boxes(data))
    tables = b"".join(body for kind, body in boxes if kind != "mdat")
    return np.array([len(data), *(len(body) for _, body in boxes), *frames, *tables], float)


def classified(clips: Sequence[Pair], builds: int, dice: np.random.Generator) -> Told:
    """Draw `builds` studies from the clips, and guess in each pair by what is learnt from its others."""
    right = [_told(clips, dice) for _ in range(builds)]
    low, high = np.quantile(dice.binomial(PAIRS, 0.5, 20_000) / PAIRS, COIN)
    within = np.mean([low <= share <= high for share in right])
    return Told(float(np.mean(right)), float(within), float(low), float(high))


def _told(clips: Sequence[Pair], dice: np.random.Generator) -> float:
    """Share of pairs whose soft clip is the one that lies in the direction of the other pairs' soft clips."""
    drawn = [clips[n] for n in dice.integers(0, len(clips), PAIRS)]
    towards = np.array([soft - sharp for sharp, soft in drawn])
    scores = towards @ (towards.sum(axis=0) - towards).T
    return float(np.mean([s > 0 if s else dice.random() < 0.5 for s in np.diag(scores)]))


def _write(path: Path, softness: int, dice: np.random.Generator) -> Path:
    """Noise of any detail, or of half the detail, and a noise to hear."""
    side = 64 // softness
    small = dice.integers(0, 255, (FRAMES, side, side, 3), np.uint8)
    pictures = small.repeat(softness, 1).repeat(softness, 2)
    sound = dice.normal(0, 0.1, FRAMES * FORM.audio_rate // FORM.fps).astype(np.float32)
    media.write_clip(path, iter(pictures), sound[None], FORM)
    return path
