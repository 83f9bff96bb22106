"""The behaviours a person can show, and how each moves face, head, gaze and hands."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from flowact.datagen.performance.animation import smooth_noise
from flowact.motion.arkit import ARKIT, columns
from flowact.timebase import FPS

Array = NDArray[np.float64]

BEHAVIOURS: tuple[str, ...] = (
    "idling", "listening", "speaking", "thinking", "nodding", "shaking", "waving", "smiling", "laughing", "surprised",
    "shrugging", "pointing", "thumbs_up",
)  # fmt: skip

TRANSITION = 0.4  # seconds in which one behaviour blends into the next


@dataclass
class Track:
    """What a behaviour adds over n frames.

    curves [n, 52]; head: pitch, yaw, tilt and gaze: yaw, pitch in radians; gestures: weights [n] of key
    poses; swing [n]: of the raised forearm in radians.
    """

    curves: Array
    head: Array
    gaze: Array
    gestures: dict[str, Array] = field(default_factory=dict)
    swing: Array | None = None

    @staticmethod
    def still(frames: int) -> "Track":
        """Nothing added."""
        return Track(np.zeros((frames, len(ARKIT))), np.zeros((frames, 3)), np.zeros((frames, 2)))

    def face(self, **values: float | Array) -> None:
        """Add to curves by name; a name without a side means both sides."""
        for name, value in values.items():
            self.curves[:, columns(name)] += np.broadcast_to(value, len(self.curves))[:, None]


def _wave(frames: int, period: float, phase: float = 0.0) -> Array:
    return np.sin(2 * np.pi * (np.arange(frames) / (FPS * period)) + phase)


def _idling(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.head += np.radians(smooth_noise(rng, frames, 5.0))[:, None] * rng.normal(0, 1.0, 3)
    return track


def _listening(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.head[:, 2] += np.radians(rng.uniform(2, 6) * rng.choice([-1, 1]))
    for start in np.arange(rng.uniform(0.4, 1.2), frames / FPS, rng.uniform(1.4, 2.4)):
        track.head[:, 0] += np.radians(rng.uniform(6, 9)) * _bump(
            frames, start, rng.uniform(0.5, 0.7)
        )
    track.face(browInnerUp=0.25, browOuterUp=0.12)
    return track


def _speaking(rng: np.random.Generator, frames: int) -> Track:
    """Beat gestures now and then; the talk itself comes from the sound."""
    track = Track.still(frames)
    moment = rng.uniform(0.3, 2.0)
    while moment < frames / FPS and rng.random() < 0.75:
        name = ("beat_left", "beat_right", "beat_both", "hands_together")[rng.integers(4)]
        length = rng.uniform(0.9, 2.0)
        weight = rng.uniform(0.7, 1.0) * _plateau(frames, moment, moment + length, 0.35)
        weight *= 1 - 0.10 * (1 + _wave(frames, rng.uniform(0.45, 0.7))) * (weight > 0.3)
        track.gestures[name] = np.maximum(track.gestures.get(name, np.zeros(frames)), weight)
        moment += length + rng.uniform(0.5, 2.5)
    return track


def _thinking(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    side = rng.choice([-1, 1])
    track.gaze += np.radians((side * rng.uniform(12, 20), -rng.uniform(9, 15)))
    track.head += np.radians((-4.0, side * rng.uniform(4, 9), side * 4.0))
    track.face(browDown=0.25, browInnerUp=0.2, mouthPress=0.25)
    if rng.random() < 0.6:
        track.gestures["think"] = np.ones(frames)
    return track


def _nodding(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.head[:, 0] += np.radians(rng.uniform(6, 10)) * (
        0.3 + _wave(frames, rng.uniform(0.5, 0.75))
    )
    track.face(mouthSmile=0.15)
    return track


def _shaking(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.head[:, 1] += np.radians(rng.uniform(9, 14)) * _wave(frames, rng.uniform(0.55, 0.85))
    track.face(browDown=0.2, mouthFrown=0.15)
    return track


def _waving(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.gestures[f"wave_{rng.choice(['left', 'right'])}"] = np.ones(frames)
    track.swing = np.radians(rng.uniform(12, 18)) * _wave(frames, rng.uniform(0.45, 0.65))
    track.face(mouthSmile=0.45, cheekSquint=0.2, browInnerUp=0.15)
    return track


def _smiling(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.face(mouthSmile=rng.uniform(0.55, 0.8), cheekSquint=0.4, eyeSquint=0.25, browOuterUp=0.1)
    track.head[:, 2] += np.radians(rng.uniform(-5, 5))
    return track


def _laughing(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    bounce = _wave(frames, rng.uniform(0.20, 0.28))
    track.face(
        mouthSmile=0.8, cheekSquint=0.65, eyeSquint=0.55, mouthUpperUp=0.35, mouthLowerDown=0.3
    )
    track.face(jawOpen=0.24 + 0.06 * bounce, browInnerUp=0.2)
    track.head[:, 0] += np.radians(-5 + 1.2 * bounce)
    return track


def _surprised(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.face(
        browInnerUp=0.85,
        browOuterUp=0.75,
        eyeWide=0.7,
        jawOpen=rng.uniform(0.22, 0.38),
        mouthFunnel=0.15,
    )
    track.head[:, 0] -= np.radians(4)
    return track


def _shrugging(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.gestures["shrug"] = np.ones(frames)
    track.face(mouthFrown=0.35, browInnerUp=0.5, browOuterUp=0.3, mouthShrugLower=0.4)
    track.head[:, 2] += np.radians(rng.choice([-1, 1]) * 7)
    return track


def _pointing(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.gestures[f"point_{rng.choice(['left', 'right'])}"] = 0.94 + 0.06 * _wave(frames, 0.7)
    track.face(browInnerUp=0.2, mouthSmile=0.15)
    return track


def _thumbs_up(rng: np.random.Generator, frames: int) -> Track:
    track = Track.still(frames)
    track.gestures[f"thumbs_up_{rng.choice(['left', 'right'])}"] = 0.95 + 0.05 * _wave(frames, 0.9)
    track.face(mouthSmile=0.5, cheekSquint=0.25, browOuterUp=0.2)
    return track


_TRACKS: dict[str, Callable[[np.random.Generator, int], Track]] = {
    "idling": _idling, "listening": _listening, "speaking": _speaking, "thinking": _thinking, "nodding": _nodding,
    "shaking": _shaking, "waving": _waving, "smiling": _smiling, "laughing": _laughing, "surprised": _surprised,
    "shrugging": _shrugging, "pointing": _pointing, "thumbs_up": _thumbs_up,
}  # fmt: skip

OPENS_MOUTH = frozenset({"laughing", "surprised"})
"""Behaviours that part the lips without speech."""


def opens_without_speech(behaviour: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Frames in which a laugh or a surprise parts the lips, or still blends in or out.

    Args:
        behaviour: index into `BEHAVIOURS` of each frame, [frames].
    """
    opens = np.isin(behaviour, [BEHAVIOURS.index(name) for name in sorted(OPENS_MOUTH)])
    return np.asarray(binary_dilation(opens, iterations=round(TRANSITION * FPS)))


def behaviour_track(name: str, rng: np.random.Generator, frames: int) -> Track:
    """The track of a behaviour over `frames` frames. Raises ValueError for an unknown one."""
    if name not in _TRACKS:
        raise ValueError(f"unknown behaviour {name!r}; expected one of {', '.join(BEHAVIOURS)}")
    return _TRACKS[name](rng, frames)


def _bump(frames: int, start: float, length: float) -> Array:
    t = np.clip((np.arange(frames) / FPS - start) / length, 0, 1)
    return np.sin(np.pi * t) ** 2


def _plateau(frames: int, start: float, stop: float, ramp: float) -> Array:
    t = np.arange(frames) / FPS
    return smooth(np.clip(np.minimum((t - start) / ramp, (stop - t) / ramp), 0, 1))


def smooth(x: Array) -> Array:
    """The cubic ease of x in [0, 1]."""
    return np.asarray(x * x * (3 - 2 * x))


def envelope(frames: int, start: int, stop: int) -> Array:
    """Share [frames] of a behaviour that holds frames start..stop and blends with its neighbours."""
    half = TRANSITION * FPS / 2
    t = np.arange(frames) + 0.5
    rise = np.ones(frames) if start <= 0 else (t - start + half) / (2 * half)
    fall = np.ones(frames) if stop >= frames else (stop + half - t) / (2 * half)
    return smooth(np.clip(np.minimum(rise, fall), 0, 1))
