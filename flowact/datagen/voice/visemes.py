"""From phones to the 52 face curves of a talking mouth.

Co-articulation by dominance functions after Cohen and Massaro, "Modeling Coarticulation in
Synthetic Visual Speech" (1993): each phone pulls every curve towards its target with a weight that
decays with distance in time, and a curve is the weighted mean. Two things the mean cannot do are
added: lips that must close do close, and a mouth that does not speak is exactly at rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowact.datagen.voice.phonemes import PAUSE, VISEMES, Phoneme, split_diphthongs, viseme_of
from flowact.motion.arkit import ARKIT, columns
from flowact.timebase import FPS

Array = npt.NDArray[np.float64]

_TARGETS: dict[str, str] = {
    "sil": "",
    "PP": "mouthPress .34 mouthRollUpper .16 mouthRollLower .2 mouthPucker .06",
    "FF": "jawOpen .05 mouthRollLower .48 mouthUpperUp .26 mouthLowerDown .04 mouthStretch .1",
    "TH": "jawOpen .15 tongueOut .3 mouthLowerDown .3 mouthUpperUp .14",
    "DD": "jawOpen .13 mouthLowerDown .28 mouthUpperUp .14 mouthStretch .06",
    "kk": "jawOpen .2 mouthLowerDown .24 mouthUpperUp .12 mouthStretch .06",
    "CH": "jawOpen .09 mouthFunnel .62 mouthPucker .2 mouthLowerDown .24 mouthUpperUp .2",
    "SS": "jawOpen .06 mouthStretch .26 mouthSmile .1 mouthLowerDown .42 mouthUpperUp .2",
    "nn": "jawOpen .15 mouthLowerDown .26 mouthUpperUp .14 mouthStretch .08",
    "RR": "jawOpen .16 mouthFunnel .36 mouthPucker .26 mouthLowerDown .2",
    "aa": "jawOpen .68 mouthLowerDown .36 mouthUpperUp .24 mouthStretch .1",
    "E": "jawOpen .42 mouthLowerDown .38 mouthUpperUp .26 mouthStretch .24 mouthSmile .1",
    "ih": "jawOpen .24 mouthLowerDown .4 mouthUpperUp .26 mouthStretch .36 mouthSmile .26",
    "oh": "jawOpen .54 mouthFunnel .52 mouthPucker .26 mouthLowerDown .2 mouthUpperUp .08",
    "ou": "jawOpen .2 mouthFunnel .3 mouthPucker .72",
}


def _target_matrix() -> Array:
    matrix = np.zeros((len(VISEMES), len(ARKIT)))
    for row, viseme in enumerate(VISEMES):
        words = _TARGETS[viseme].split()
        for name, value in zip(words[::2], words[1::2], strict=True):
            matrix[row, columns(name)] = float(value)
    return matrix


TARGETS: Array = _target_matrix()
"""Face curves of each viseme held still, [15 visemes, 52 curves]."""

MOUTH: npt.NDArray[np.bool_] = np.asarray(TARGETS.any(axis=0))
"""Which of the 52 curves speech moves."""

_STRENGTH: dict[str, float] = {
    "sil": 0.9, "PP": 1.6, "FF": 1.4, "TH": 0.8, "DD": 0.45, "kk": 0.3, "CH": 1.1, "SS": 0.8,
    "nn": 0.45, "RR": 0.7, "aa": 1.0, "E": 0.85, "ih": 0.85, "oh": 1.1, "ou": 1.2,
}  # fmt: skip
"""How hard a viseme insists on its target; lips that must meet or bite insist most."""

_CLOSURE = {"PP": 1.0, "FF": 0.9}
"""How fully a viseme shuts the gap between the lips (PP) or between lip and teeth (FF)."""

_OPENING = sum(
    (columns(n) for n in ("jawOpen", "mouthLowerDown", "mouthUpperUp", "mouthFunnel", "tongueOut")),
    (),
)
_CLOSED_LIPS = sum((columns(n) for n in ("mouthPress", "mouthRollUpper", "mouthRollLower")), ())
_JAW = columns("jawOpen")

_SUBSAMPLES = 4
"""Evaluations per video frame; their mean is the frame, as in a camera with an open shutter."""


@dataclass(frozen=True)
class Articulation:
    """How a speaker moves the mouth.

    `amplitude` scales every target; `reach` is the time in seconds over which a phone's pull
    falls off; `lead` and `trail` are how long the mouth moves before the first sound and after
    the last, in seconds; `effort` is how much the jaw follows the loudness, 0 to 1.
    """

    amplitude: float = 1.0
    reach: float = 0.055
    lead: float = 0.12
    trail: float = 0.14
    effort: float = 0.45


def mouth_curves(
    phonemes: Sequence[Phoneme],
    frames: int,
    loudness: npt.NDArray[np.floating] | None = None,
    style: Articulation = Articulation(),
) -> npt.NDArray[np.float32]:
    """Face curves [frames, 52] at 25 per second of a mouth that says `phonemes`.

    `loudness` [frames] is 1 for speech of usual level (see `animation.loudness`) and scales the
    jaw. Frames farther from speech than the lead and trail are exactly zero.
    """
    spoken = split_diphthongs(list(phonemes))
    if not any(p.label != PAUSE for p in spoken):
        return np.zeros((frames, len(ARKIT)), np.float32)
    fine = (np.arange(frames * _SUBSAMPLES) + 0.5) / (FPS * _SUBSAMPLES)
    blended = _blend(spoken, fine, style) * _speaking(spoken, fine, style)[:, None]
    curves = blended.reshape(frames, _SUBSAMPLES, -1).mean(axis=1) * style.amplitude
    if loudness is not None:
        curves[:, _JAW] *= (1 - style.effort + style.effort * loudness)[:, None]
    return np.clip(_close_lips(curves, spoken), 0, 1).astype(np.float32)


def _blend(phonemes: list[Phoneme], time: Array, style: Articulation) -> Array:
    """Weighted mean of the targets, [times, 52], weights a exp(-(distance / reach)^1.2)."""
    visemes = [viseme_of(p.label) for p in phonemes]
    strength = np.array([_STRENGTH[v] for v in visemes])
    start = np.array([p.start for p in phonemes])
    end = np.array([p.end for p in phonemes])
    # A phone holds its target over its middle; from there on its pull falls off.
    core = 0.3 * np.minimum(end - start, 0.3)
    distance = np.maximum(np.abs(time[:, None] - (start + end) / 2) - core, 0)
    weight = strength * np.exp(-((distance / style.reach) ** 1.2))
    weight += 1e-9 * strength / (1e-3 + distance)  # a mean exists however far the next phone is
    targets = TARGETS[[VISEMES.index(v) for v in visemes]]
    return np.asarray(weight @ targets / weight.sum(axis=1, keepdims=True))


def _speaking(phonemes: list[Phoneme], time: Array, style: Articulation) -> Array:
    """Gate [times]: 1 while sounds are spoken, falling smoothly to exactly 0 around them."""
    gate = np.zeros_like(time)
    for phoneme in phonemes:
        if phoneme.label != PAUSE:
            before = (time - (phoneme.start - style.lead)) / style.lead
            after = (phoneme.end + style.trail - time) / style.trail
            gate = np.maximum(gate, np.clip(np.minimum(before, after), 0, 1))
    return gate * gate * (3 - 2 * gate)


def closures(phonemes: Sequence[Phoneme], frames: int) -> npt.NDArray[np.float64]:
    """How far speech forces the mouth shut in each frame, [frames], 1 is shut.

    Every P, B and M shuts at least the frame next to its middle, however short it is.
    """
    time = (np.arange(frames) + 0.5) / FPS
    shut = np.zeros(frames)
    for phoneme in phonemes:
        strength = _CLOSURE.get(viseme_of(phoneme.label), 0.0)
        if strength == 0:
            continue
        # Lips part with the burst, which is the last third of a plosive.
        middle = phoneme.start + 0.42 * (phoneme.end - phoneme.start)
        held = max(0.5 / FPS + 1e-6, 0.3 * (phoneme.end - phoneme.start))
        ramp = np.clip(1 - (np.abs(time - middle) - held) / (1.4 / FPS), 0, 1)
        shut = np.maximum(shut, strength * ramp * ramp * (3 - 2 * ramp))
    return shut


def _close_lips(curves: Array, phonemes: list[Phoneme]) -> Array:
    """Shut the gap where a closure demands it; press and roll only lips that are meant to meet."""
    shut = closures(phonemes, len(curves))
    lips = closures([p for p in phonemes if viseme_of(p.label) == "PP"], len(curves))
    bite = shut - np.minimum(shut, lips)
    closed = curves.copy()
    closed[:, _OPENING] *= (1 - lips)[:, None]
    closed[:, _JAW] *= (1 - 0.85 * bite)[:, None]
    target = TARGETS[VISEMES.index("PP"), _CLOSED_LIPS]
    closed[:, _CLOSED_LIPS] = np.maximum(closed[:, _CLOSED_LIPS], lips[:, None] * target)
    return closed
