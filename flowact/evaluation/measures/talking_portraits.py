"""Whether a picture that speaks blinks when it should, opens the mouth as far as others do, and stays itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from flowact.evaluation.judges.scores import correlation, speaking_range
from flowact.evaluation.measures.sight import Curve, Frame, Sight
from flowact.streaming.blinks import OPEN, scheduled
from flowact.streaming.noise import seed_generators
from flowact.timebase import FRAMES_PER_LATENT

Row = dict[str, float]

SHUT: Final = 0.5
"""Blink curve above which the eyes count as shut."""
CLOSING: Final = 0.35
"""Above it the lids' lightness counts as that of shut lids."""
WIDE: Final = 0.2
"""Below it as that of open eyes."""
AROUND: Final = (-3, 9)
"""Frames from the fall of the lids in which a blink is looked for; one lasts a fifth of a second."""
FEWEST: Final = 10
"""Frames with a face in both videos, without which nothing is correlated."""


def scheduled_blinks(seed: int, frames: int) -> list[int]:
    """Frames in which the lids of a session fall; only those after which enough frames are left to see it.

    Args:
        seed: of the session.
        frames: of its video.
    """
    latents = -(-frames // FRAMES_PER_LATENT)
    kinds = scheduled(seed_generators([seed]), torch.zeros(1, dtype=torch.int64), latents)[0]
    falls = (
        latent * FRAMES_PER_LATENT + kind - 1
        for latent, kind in enumerate(kinds.tolist())
        if kind != OPEN
    )
    return [fall for fall in falls if fall + AROUND[1] <= frames]


def compare(made: Sight, anchor: Sight, falls: Sequence[int]) -> Row:
    """The measures of one video.

    Args:
        made: the video.
        anchor: a named character that says the same from the same seed.
        falls: frames in which the lids fall by the session's schedule.

    Returns:
        `face`: share of frames with a face. `blinks_seen`: share of the scheduled blinks in which the blink curve
        passes `SHUT`. `blinks`: how often it does in all, over the anchor's. `blink_max`: its highest value.
        `opening`: 95th percentile of the lips' opening over the anchor's. `jaw`: correlation of the jaw curves.
        `identity`: mean distance from the picture. `shut_lids` and `open_lids`: lightness over the cheeks'.
    """
    jaw, theirs = made.jaw[: len(anchor)], anchor.jaw[: len(made)]
    both = np.isfinite(jaw) & np.isfinite(theirs)
    return {
        "face": float(np.isfinite(made.jaw).mean()),
        "blinks_seen": float(np.mean(heights(made.blink, falls) > SHUT)) if falls else np.nan,
        "blinks": crossings(made.blink) / max(crossings(anchor.blink), 1),
        "blink_max": _or_nan(np.max, _known(made.blink)),
        "opening": speaking_range(_known(made.opening))
        / max(speaking_range(_known(anchor.opening)), 1e-6),
        "jaw": correlation(jaw[both], theirs[both]) if both.sum() > FEWEST else 0.0,
        "identity": _or_nan(np.mean, _known(made.identity)),
        "shut_lids": _or_nan(np.mean, _known(made.lids[made.blink > CLOSING])),
        "open_lids": _or_nan(np.median, _known(made.lids[made.blink < WIDE])),
    }


def heights(blink: Curve, falls: Sequence[int]) -> Curve:
    """Highest value of the blink curve round every fall of the lids, `[falls]`; 0 where no face was seen."""
    seen = np.nan_to_num(blink)
    return np.array([seen[_round(fall)].max(initial=0.0) for fall in falls])


def crossings(blink: Curve) -> int:
    """How often the blink curve rises above `SHUT`."""
    shut = np.nan_to_num(blink) > SHUT
    return int((shut[1:] & ~shut[:-1]).sum())


@dataclass(frozen=True)
class Worst:
    """Frames' face boxes, uint8 `[240, 240, 3]`, in which a video is at its worst.

    Attributes:
        blink: the most that the lids shut in the scheduled blink in which they do least.
        mouth: where the lips are furthest behind the anchor's.
        identity: where the person is least like the picture, or no face is found.
    """

    blink: Frame
    mouth: Frame
    identity: Frame


def worst(made: Sight, anchor: Sight, falls: Sequence[int]) -> Worst:
    """The worst frames of a video; arguments as of `compare`."""
    shared = min(len(made), len(anchor))
    behind = anchor.opening[:shared] - made.opening[:shared]
    strange = np.where(np.isfinite(made.jaw), np.nan_to_num(made.identity, nan=-1.0), np.inf)
    at = (
        _least_shut(made.blink, falls),
        np.nan_to_num(behind, nan=-1.0).argmax(),
        strange.argmax(),
    )
    return Worst(*(made.faces[index].copy() for index in at))  # a view would keep all of them


def _least_shut(blink: Curve, falls: Sequence[int]) -> int:
    if not falls:
        return int(np.nan_to_num(blink).argmax())
    window = _round(falls[int(heights(blink, falls).argmin())])
    return window.start + int(np.nan_to_num(blink[window]).argmax())


def _round(fall: int) -> slice:
    return slice(max(fall + AROUND[0], 0), fall + AROUND[1])


def _known(values: Curve) -> Curve:
    return values[np.isfinite(values)]


def _or_nan(of: Any, values: NDArray[np.floating[Any]]) -> float:
    return float(of(values)) if len(values) else float("nan")
