"""What stands behind and before the heads: blurred blobs, stripes, noise, and parts of photographs."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]

STORE: Final = 2000
_SHORTER: Final = 480
"""Shorter edge to which photographs are reduced."""


class Backgrounds:
    """Random pictures without a face: `STORE` are drawn in advance and shown in eight positions each."""

    def __init__(self, photographs: Path | None, size: int) -> None:
        """Draw the store, `size` pixels large.

        Args:
            photographs: a folder of pictures that show no faces, or None to invent all backgrounds.
            size: edge of the pictures.
        """
        paths = sorted(photographs.iterdir()) if photographs else []
        self.photographs = [_read(path) for path in paths if path.is_file()]
        rng = np.random.default_rng(0)
        self._store = np.stack([self._invent(size, rng) for _ in range(STORE)])

    def draw(self, rng: np.random.Generator) -> U8:
        """One picture, uint8 [size, size, 3], to read."""
        picture = self._store[rng.integers(STORE)]
        picture = picture.swapaxes(0, 1) if rng.random() < 0.5 else picture
        return picture[:: rng.choice([1, -1]), :: rng.choice([1, -1])]

    def _invent(self, size: int, rng: np.random.Generator) -> U8:
        if self.photographs and rng.random() < 0.55:
            return self._part(size, rng)
        picture = _gradient(size, rng)
        kind = rng.random()
        if kind < 0.45:
            _shapes(picture, rng)
        elif kind < 0.65:
            picture = _noise(picture, rng)
        if rng.random() < 0.5:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 8)), np.float32)
        return np.asarray(np.clip(picture, 0, 255), np.uint8)

    def _part(self, size: int, rng: np.random.Generator) -> U8:
        photograph = self.photographs[rng.integers(len(self.photographs))]
        height, width = photograph.shape[:2]
        edge = int(min(height, width) * rng.uniform(0.12, 1.0))
        left, top = rng.integers(0, width - edge + 1), rng.integers(0, height - edge + 1)
        part = photograph[top : top + edge, left : left + edge]
        picture = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
        picture = np.rot90(picture, int(rng.integers(4))) if rng.random() < 0.3 else picture
        if rng.random() < 0.3:
            picture = cv2.GaussianBlur(np.ascontiguousarray(picture), (0, 0), rng.uniform(1, 8))
        tint = (rng.uniform(0.6, 1.2) * rng.uniform(0.8, 1.2, 3)).astype(np.float32)
        return np.asarray(np.clip(picture * tint, 0, 255), np.uint8)


def _read(path: Path) -> U8:
    with Image.open(path) as image:
        scale = _SHORTER / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        return np.asarray(image.convert("RGB").resize(size))


def random_colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """A colour [3] in 0..255, greys more often than chance gives."""
    grey = rng.uniform(0, 255)
    return np.asarray(grey + rng.normal(0, rng.choice([5, 50]), 3), np.float32).clip(0, 255)


def _gradient(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    corners = np.stack([random_colour(rng) for _ in range(4)]).reshape(2, 2, 3)
    if rng.random() < 0.4:
        corners[:] = corners[0, 0]
    return np.asarray(cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR))


def _shapes(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Rectangles, discs and lines, some of which look like eyes, mouths, windows and shelves."""
    size = len(picture)
    for _ in range(rng.integers(2, 14)):
        x, y = (int(v) for v in rng.integers(0, size, 2))
        w, h = (int(v) for v in rng.integers(3, size // 2, 2))
        colour = random_colour(rng).tolist()
        kind = rng.random()
        if kind < 0.4:
            cv2.rectangle(picture, (x - w // 2, y - h // 2), (x + w // 2, y + h // 2), colour, -1)
        elif kind < 0.75:
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(picture, (x, y), (w // 2, h // 2), angle, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            end = tuple(int(v) for v in rng.integers(0, size, 2))
            cv2.line(picture, (x, y), end, colour, int(rng.integers(1, 9)), cv2.LINE_AA)


def _noise(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    size = len(picture)
    cells = int(rng.integers(3, 40))
    grid = rng.normal(0, rng.uniform(10, 70), (cells, cells, 3 if rng.random() < 0.5 else 1))
    grid = np.broadcast_to(grid, (cells, cells, 3)).astype(np.float32)
    return np.asarray(picture + cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC))
