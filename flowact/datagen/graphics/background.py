"""Out-of-focus backgrounds: studio gradients and blurred rooms."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.floating[Any]]
RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Background:
    """kind: `studio` (a soft gradient) or `room`; colour: linear RGB; seed: of the furniture."""

    kind: Literal["studio", "room"] = "studio"
    colour: RGB = (0.35, 0.42, 0.40)
    seed: int = 0


def paint_background(background: Background, size: int) -> Floats:
    """The backdrop [size, size, 3] in linear light."""
    rng = np.random.default_rng(background.seed)
    picture = _studio(background, size, rng)
    if background.kind == "room":
        _furnish(picture, rng)
        picture = ndimage.gaussian_filter(picture, (size / 45, size / 45, 0), mode="nearest")
    return np.asarray(np.clip(picture, 0.01, 1.2), np.float32)


def _studio(background: Background, size: int, rng: np.random.Generator) -> Floats:
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    cx, cy = rng.uniform(-0.4, 0.4), rng.uniform(-0.5, 0.1)
    glow = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(0.8, 1.6))
    level = 0.55 + 0.65 * glow - 0.12 * y
    return np.asarray(level[..., None] * np.asarray(background.colour, np.float32), np.float32)


def _furnish(picture: Floats, rng: np.random.Generator) -> None:
    """Shelves, frames, a window, a plant and a lamp, as flat shapes that the blur turns into a room."""
    size = picture.shape[0]
    base = picture.mean((0, 1))
    floor = int(size * rng.uniform(0.72, 0.85))
    picture[floor:] *= np.array([0.55, 0.48, 0.42], np.float32)
    for _ in range(rng.integers(3, 7)):
        x, y = rng.integers(0, size), rng.integers(0, floor)
        w, h = rng.integers(size // 16, size // 5), rng.integers(size // 12, size // 3)
        colour = base * rng.uniform(0.5, 1.4) * rng.uniform(0.7, 1.3, 3)
        picture[max(0, y - h // 2) : y + h // 2, max(0, x - w // 2) : x + w // 2] = colour
    if rng.random() < 0.6:
        at = int(rng.choice([rng.integers(0, size // 5), rng.integers(4 * size // 5, size)]))
        picture[size // 12 : size // 2, max(0, at - size // 10) : at + size // 10] = (
            0.95,
            0.98,
            1.0,
        )
    yy, xx = np.mgrid[:size, :size]
    for _ in range(rng.integers(0, 6)):
        x, y, r = rng.integers(0, size), rng.integers(0, floor), rng.uniform(0.01, 0.04) * size
        disc = (xx - x) ** 2 + (yy - y) ** 2 < r * r
        picture[disc] += np.array([0.25, 0.20, 0.12], np.float32)
