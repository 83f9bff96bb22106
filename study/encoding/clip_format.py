"""The one form of all clips of a study, chosen for its material."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from mediafiles.screen import Fit
from mediafiles.video import VideoFacts

RATES: Final = (24, 25, 30, 48, 50, 60)
MOST_PIXELS_A_SIDE: Final = 1280
_LEAST: Final = 64
_HIGH: Final = 48
"""Frames per second of which one lies within about 10 ms of any moment."""
_SAME_RATE: Final = 0.002
"""Share by which 23.976, 29.97 and 59.94 lie beside a whole rate: one frame in half a minute."""
_ALIKE: Final = 0.02
"""Share by which aspects may differ and still be called one."""

Preset = Literal["ultrafast", "veryfast", "fast", "medium", "slow"]


@dataclass(frozen=True)
class ClipFormat:
    """Units: pixels, frames per second, x264's constant rate factor, Hz."""

    width: int
    height: int
    fps: int
    fit: Fit = "pad"
    crf: int = 18
    preset: Preset = "medium"
    audio_rate: int = 48_000


def best_rate(videos: Sequence[VideoFacts]) -> int:
    """The rate at which every video's frames stay for the most equal times; the lower of two.

    A variable rate is followed by a high one, but of those by the one that suits the usual rates of all.
    """
    rates = {_nominal(video.rate) for video in videos}
    high = any(video.variable_rate for video in videos)
    return min(
        (fps for fps in RATES if fps >= _HIGH or not high),
        key=lambda fps: (max(round(judder(rate, fps), 4) for rate in rates), fps),
    )


def judder(rate: float, fps: int) -> float:
    """Seconds by which a frame of a video of `rate` stays longer or shorter than it should, at worst."""
    ticks = [0] * max(1, round(4 * rate))
    for tick in range(4 * fps):
        ticks[min(int((tick + 0.5) / fps * rate), len(ticks) - 1)] += 1
    return max(abs(count / fps - 1 / rate) for count in ticks)


def best_size(videos: Sequence[VideoFacts]) -> tuple[int, int]:
    """The largest displayed size of the commonest shape, at most `MOST_PIXELS_A_SIDE` a side, in even pixels."""
    shapes = Counter(shape(video) for video in videos)
    commonest = max(shapes, key=lambda aspect: (shapes[aspect], -abs(aspect - 1)))
    sizes = [(v.width, v.height) for v in videos if shape(v) == commonest]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    scale = min(1.0, MOST_PIXELS_A_SIDE / max(width, height))
    return _even(width * scale), _even(height * scale)


def shape(video: VideoFacts) -> float:
    """Width over height as displayed, where shapes that hardly differ are one."""
    aspect = video.width / video.height
    usual = (1.0, 4 / 3, 3 / 4, 16 / 9, 9 / 16)
    return next((known for known in usual if abs(aspect / known - 1) < _ALIKE), round(aspect, 2))


def _nominal(rate: float) -> float:
    return next((float(known) for known in RATES if abs(rate / known - 1) < _SAME_RATE), rate)


def _even(length: float) -> int:
    return max(_LEAST, round(length / 2) * 2)
