"""A baseline without a model: a still portrait that sways a little and drops its jaw with the voice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Frames = NDArray[np.uint8]
Array = NDArray[np.float64]
JAW_REACH = 16.0  # pixels that the chin drops at the loudest moment
SWAY = 2.0  # pixels that the head moves to either side
SWAY_SECONDS = 2.0
GAP_COLOUR = (50, 16, 18)  # the dark of an open mouth


@dataclass(frozen=True)
class Mouth:
    """Where the mouth is in the portrait: centre and half width in pixels."""

    x: float
    y: float
    half: float


def jaw_loop(portrait: Frames, level: Array, mouth: Mouth, fps: int) -> Frames:
    """Pictures [frames, height, width, 3] of a portrait [height, width, 3]; level [frames] in 0 to 1."""
    moments = np.arange(len(level)) / fps
    sway = SWAY * np.sin(2 * np.pi * moments / SWAY_SECONDS)
    return np.stack(
        [
            _frame(portrait, float(drop), float(lean), mouth)
            for drop, lean in zip(JAW_REACH * level, sway, strict=True)
        ]
    )


def loudness(samples: NDArray[np.int16], frames: int) -> Array:
    """Smoothed loudness per frame, 0 to 1: [frames]."""
    level = np.abs(samples.astype(np.float64)).reshape(frames, -1).mean(axis=1)
    smooth = np.convolve(level, np.ones(3) / 3, "same")
    level_in_0_to_1: Array = np.sqrt(smooth / max(1.0, smooth.max()))
    return level_in_0_to_1


def _frame(portrait: Frames, drop: float, sway: float, mouth: Mouth) -> Frames:
    height, width = portrait.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    beside = np.exp(-(((columns - mouth.x) / (1.6 * mouth.half)) ** 2))
    below = np.exp(-((np.maximum(0, rows - mouth.y - 2 * mouth.half) / mouth.half) ** 2))
    lowered = drop * beside * below * (rows > mouth.y)
    leaning = columns + sway * (height - rows) / height  # the shoulders stay where they are
    moved = _sampled(portrait, rows - lowered, leaning)
    depth = rows - mouth.y
    gap = (depth > 0) & (depth < lowered) & (np.abs(columns - mouth.x) < mouth.half)
    moved[gap] = (moved[gap] * 0.2 + np.array(GAP_COLOUR)).astype(np.uint8)
    return moved


def _sampled(picture: Frames, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> Frames:
    channels = [
        ndimage.map_coordinates(picture[..., channel], [rows, columns], order=1, mode="nearest")
        for channel in range(3)
    ]
    return np.stack(channels, axis=-1)
