"""What cameras, files, films and painters do to a picture."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]


def degrade(picture: U8, rng: np.random.Generator) -> U8:
    """Change colour, sharpness, noise and compression of a picture [S, S, 3] at random."""
    if rng.random() < 0.14:
        picture = _painted(picture, rng)
    values = _toned(picture.astype(np.float32) / 255, rng)
    if rng.random() < 0.45:
        values = _blurred(values, rng)
    if rng.random() < 0.4:
        shape = (*values.shape[:2], int(rng.choice([1, 3])))
        values = values + rng.standard_normal(shape, np.float32) * float(rng.uniform(0.005, 0.08))
    result = np.asarray(np.clip(values * 255, 0, 255), np.uint8)
    if rng.random() < 0.35:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 90))]
        result = np.asarray(cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], 1), np.uint8)
    return result


def _toned(values: Floats, rng: np.random.Generator) -> Floats:
    """Exposure, white balance, contrast, gamma, saturation; one in six is grey or of one hue."""
    values = np.maximum(values, 1e-4) ** float(np.exp(rng.normal(0, 0.3)))
    values = values * np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.08, 3)).astype(np.float32)
    mean = values.mean()
    values = mean + (values - mean) * float(np.exp(rng.normal(0, 0.25)))
    grey = values.mean(2, keepdims=True)
    if rng.random() < 0.17:
        hue = (rng.random() < 0.3) * rng.normal(0, 0.12, 3)
        return np.asarray(grey * (1 + hue).astype(np.float32))
    return np.asarray(grey + (values - grey) * float(rng.uniform(0.4, 1.5)))


def _blurred(values: Floats, rng: np.random.Generator) -> Floats:
    kind, size = rng.random(), len(values)
    values = np.asarray(values, np.float32)
    if kind < 0.4:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.4, 2.5)))
    if kind < 0.8:
        small = int(size * rng.uniform(0.2, 0.7))
        values = cv2.resize(values, (small, small), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(values, (size, size), interpolation=cv2.INTER_LINEAR))
    length = int(rng.integers(3, 8))
    kernel = np.eye(length, dtype=np.float32) if rng.random() < 0.5 else np.zeros((length, length), np.float32)
    if not kernel.any():
        kernel[length // 2] = 1
    kernel = np.rot90(kernel, int(rng.integers(4))) / length
    return np.asarray(cv2.filter2D(values, -1, kernel))


def _painted(picture: U8, rng: np.random.Generator) -> U8:
    """Flat strokes, few colours, or lines on paper."""
    kind = rng.random()
    if kind < 0.35:
        return np.asarray(cv2.medianBlur(picture, int(rng.choice([3, 5]))))
    if kind < 0.6:
        levels = float(rng.integers(3, 9))
        soft = cv2.bilateralFilter(picture, 5, 60, 5)
        return np.asarray(np.round(soft / 255 * levels) / levels * 255, np.uint8)
    if kind < 0.8:
        strokes = rng.normal(0, rng.uniform(5, 25), (*picture.shape[:2], 1)).astype(np.float32)
        strokes = cv2.GaussianBlur(strokes, (0, 0), 0.6, sigmaY=float(rng.uniform(0.6, 3)))
        return np.asarray(np.clip(picture + 2 * strokes.reshape(*picture.shape[:2], 1), 0, 255), np.uint8)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) + 1
    lines = np.clip(grey / cv2.GaussianBlur(grey, (0, 0), rng.uniform(2, 5)), 0, 1)
    paper = rng.uniform(180, 255, 3)
    return np.asarray(lines[..., None] ** rng.uniform(1, 3) * paper, np.uint8)
