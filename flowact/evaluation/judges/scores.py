"""Scores of a talking mouth and of pictures: pure functions on curves and frames."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from flowact.timebase import FPS

Curve = NDArray[np.floating]
Interval = tuple[float, float]

SHUT_OPENING = 0.05
"""Lips less than this share of the mouth's width apart are closed: rendered P, B and M all get below it."""

SHUT_SHARE = 0.10
"""A mouth is shut when it is open by less than this share of its speaking range."""


@dataclass(frozen=True)
class LipSync:
    """Correlation of two opening curves at the best lag; a positive lag means that the picture is late."""

    correlation: float
    lag_frames: int


def correlation(a: Curve, b: Curve) -> float:
    """Pearson's r of two curves of equal length; 0 when one of them is constant."""
    if len(a) != len(b):
        raise ValueError(f"curves have {len(a)} and {len(b)} frames, expected equal lengths")
    if not len(a):
        return 0.0
    x, y = np.asarray(a, float) - np.mean(a), np.asarray(b, float) - np.mean(b)
    scale = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum() / scale) if scale > 1e-12 else 0.0


def lip_sync(made: Sequence[Curve], true: Sequence[Curve], max_lag: int = 6) -> LipSync:
    """Find the lag within +-max_lag frames at which the made curves follow the true ones best.

    Args:
        made: one curve [frames] a take; takes are joined after shifting, so that one in which the mouth
            hardly moves counts as such.
        true: what each should follow; frames that are not a number are left out.
        max_lag: in frames.
    """
    scores = {lag: correlation(*_joined(made, true, lag)) for lag in range(-max_lag, max_lag + 1)}
    best = max(scores, key=lambda lag: (scores[lag], -abs(lag)))
    return LipSync(scores[best], best)


def _joined(made: Sequence[Curve], true: Sequence[Curve], lag: int) -> tuple[Curve, Curve]:
    """All takes end to end, the made ones shifted by `lag`, without what has no truth."""
    pairs = []
    for m, t in zip(made, true, strict=True):
        frames = max(min(len(m), len(t)) - abs(lag), 0)
        pairs.append((m[max(lag, 0) :][:frames], t[max(-lag, 0) :][:frames]))
    shifted, truth = (np.concatenate(curves) for curves in zip(*pairs, strict=True))
    known = np.isfinite(truth)
    return shifted[known], truth[known]


def closures_shut(opening: Curve, closures: Iterable[Interval]) -> tuple[int, int]:
    """Count closures (start and end in seconds) that the mouth really makes: (shut, all).

    One counts as shut when the opening falls below `SHUT_OPENING` within it or a frame to either side.
    """
    shut = total = 0
    for start, end in closures:
        first, last = max(0, int(start * FPS) - 1), int(np.ceil(end * FPS)) + 1
        if first >= len(opening):
            continue
        total += 1
        shut += bool(opening[first:last].min() < SHUT_OPENING)
    return shut, total


def speaking_range(opening: Curve) -> float:
    """How far a mouth opens in speech: the 95th percentile of its opening [frames]."""
    return float(np.percentile(opening, 95)) if len(opening) else 0.0


def share_below(values: Curve, limit: float) -> float:
    """Share of values up to a limit; not-a-number without values."""
    return float((values <= limit).mean()) if len(values) else float("nan")


def decibel(squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [0, 255] with this mean squared error."""
    return float(10 * np.log10(255.0**2 / max(squared_error, 1e-6)))


def ssim_map(made: Tensor, true: Tensor) -> Tensor:
    """Structural similarity (Wang et al., 2004) at every pixel, 11x11 Gaussian window.

    Args:
        made: pictures [n, 3, h, w] in [0, 255].
        true: what they should be.

    Returns:
        [n, h - 10, w - 10], the mean of the three colours.
    """
    axis = torch.arange(11, dtype=torch.float32) - 5
    window = torch.exp(-axis.square() / (2 * 1.5**2))
    across = (window / window.sum()).expand(3, 1, 1, 11)

    def mean(x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, across, groups=3), across.mT, groups=3)

    x, y = made.float(), true.float()
    mx, my = mean(x), mean(y)
    vx, vy = mean(x * x) - mx * mx, mean(y * y) - my * my
    covariance = mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mx * my + c1) * (2 * covariance + c2)
    return (top / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean(1)


def sharpness(frame: NDArray[np.uint8]) -> float:
    """Mean magnitude of the Laplacian of a frame's luminance, in grey levels."""
    grey = frame.astype(np.float32).mean(-1)
    laplacian = (
        4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    )
    return float(np.abs(laplacian).mean())


def colour_distance(frame: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Mean distance, in grey levels, of the colours of a 6x6 grid of patches."""
    return float(np.abs(_patches(frame) - _patches(reference)).mean())


def _patches(frame: NDArray[np.uint8], cells: int = 6) -> NDArray[np.float64]:
    size = frame.shape[0] // cells
    trimmed = frame[: size * cells, : size * cells].astype(np.float64)
    return trimmed.reshape(cells, size, cells, size, 3).mean((1, 3))
