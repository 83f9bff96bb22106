"""What cameras, files, films and painters do to a picture."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

_GRAIN: Final = np.random.default_rng(0).standard_normal((512, 512, 3), np.float32)
"""Noise to cut pieces from: drawing it anew takes longer than all the rest."""


def degrade(picture: U8, rng: np.random.Generator) -> U8:
    """Change colour, sharpness, noise and compression of a picture [S, S, 3] at random."""
    if rng.random() < 0.14:
        picture = _painted(picture, rng)
    picture = _toned(picture, rng)
    if rng.random() < 0.45:
        picture = _blurred(picture, rng)
    if rng.random() < 0.4:
        picture = _noisy(picture, float(rng.uniform(1, 20)), rng)
    if rng.random() < 0.35:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 90))]
        picture = np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], 1), np.uint8)
    return picture


def _toned(picture: U8, rng: np.random.Generator) -> U8:
    """Exposure, white balance, contrast, gamma, saturation; one in six is grey or of one hue."""
    curve = (np.arange(256) / 255) ** np.exp(rng.normal(0, 0.3))
    gain = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.08, 3))
    mean = curve[int(picture.mean())]
    curve = mean + (curve - mean) * np.exp(rng.normal(0, 0.25))
    table = np.clip(curve[:, None] * gain * 255, 0, 255).astype(np.uint8)[None]
    picture = np.asarray(cv2.LUT(picture, table), np.uint8)
    colourful = 0.0 if rng.random() < 0.17 else rng.uniform(0.4, 1.5)
    mixture = np.full((3, 3), (1 - colourful) / 3) + np.eye(3) * colourful
    if not colourful and rng.random() < 0.3:
        mixture *= 1 + rng.normal(0, 0.12, (3, 1))
    return np.asarray(cv2.transform(picture, mixture), np.uint8)


def _noisy(picture: U8, strength: float, rng: np.random.Generator) -> U8:
    height, width = picture.shape[:2]
    top, left = rng.integers(0, 512 - np.array([height, width]) + 1)
    grain = _GRAIN[top : top + height, left : left + width]
    if rng.random() < 0.5:
        grain = grain[..., :1]
    return np.asarray(np.clip(picture + strength * grain, 0, 255), np.uint8)


def _blurred(picture: U8, rng: np.random.Generator) -> U8:
    kind, size = rng.random(), len(picture)
    if kind < 0.4:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 2.5)), np.uint8)
    if kind < 0.8:
        small = int(size * rng.uniform(0.2, 0.7))
        coarse = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(coarse, (size, size)), np.uint8)
    length = int(rng.integers(3, 8))
    kernel = np.eye(length, dtype=np.float32)
    if rng.random() < 0.5:
        kernel = np.roll(np.eye(1, length, dtype=np.float32).repeat(length, 0), length // 2, 1)
    turned = np.rot90(kernel, int(rng.integers(4))) / length
    return np.asarray(cv2.filter2D(picture, -1, np.ascontiguousarray(turned)), np.uint8)


def _painted(picture: U8, rng: np.random.Generator) -> U8:
    """Flat strokes, few colours, or lines on paper."""
    kind = rng.random()
    if kind < 0.35:
        return np.asarray(cv2.medianBlur(picture, int(rng.choice([3, 5]))), np.uint8)
    if kind < 0.6:
        levels = float(rng.integers(3, 9))
        soft = cv2.bilateralFilter(picture, 5, 60, 5)
        return np.asarray(np.round(soft / 255 * levels) / levels * 255, np.uint8)
    if kind < 0.8:
        strokes = cv2.GaussianBlur(_GRAIN[: len(picture), : len(picture), 0], (0, 0), 0.6, sigmaY=2)
        turned = np.rot90(strokes, int(rng.integers(4))) * rng.uniform(15, 60)
        return np.asarray(np.clip(picture + turned[..., None], 0, 255), np.uint8)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) + 1
    lines = np.clip(grey / cv2.GaussianBlur(grey, (0, 0), rng.uniform(2, 5)), 0, 1)
    paper = rng.uniform(180, 255, 3)
    return np.asarray(lines[..., None] ** rng.uniform(1, 3) * paper, np.uint8)
