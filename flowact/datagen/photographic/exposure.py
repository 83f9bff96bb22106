"""What a camera, a film or a painter makes of a rendered picture.

One `Exposure` belongs to a clip and its reference: colours, blur and compression are the same in all of
them, and only the noise is drawn for every picture. Nothing moves, so the ground truth of motion stays exact.
"""

import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]
RGB = tuple[float, float, float]
Style = Literal["digital", "film", "monochrome", "sepia", "painting"]
STYLES: tuple[Style, ...] = ("digital", "film", "monochrome", "sepia", "painting")
_STYLE_SHARES = (0.74, 0.10, 0.05, 0.03, 0.08)
_STROKE = 2  # pixels: half the width of a painter's brush
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Exposure:
    """How pictures are taken.

    gains: of the channels in linear light (white balance and exposure); contrast: slope of the tone curve
    at middle grey; black, white: levels in [0, 1] that it reaches; saturation: 1 keeps it; vignette: light
    lost in the corners; blur: pixels (deviation of a Gaussian); sharpen: amount of unsharp masking;
    noise, grain: deviation in 255ths, and its size in pixels; quality: of a JPEG, 0 for none.
    """

    gains: RGB = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    black: float = 0.0
    white: float = 1.0
    saturation: float = 1.0
    vignette: float = 0.0
    blur: float = 0.0
    sharpen: float = 0.0
    noise: float = 0.0
    grain: float = 0.0
    quality: int = 0
    style: Style = "digital"

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Exposure":
        """Anything from a studio to an old telephone."""
        style = STYLES[rng.choice(len(STYLES), p=_STYLE_SHARES)]
        warm, green, light = rng.normal(0, 0.10), rng.normal(0, 0.03), np.exp(rng.normal(0, 0.16))
        often = rng.random(5)
        return cls(
            (float(light * (1 + warm)), float(light * (1 + green)), float(light * (1 - warm))),
            float(rng.uniform(0.85, 1.25)),
            float(rng.uniform(0, 0.07)),
            float(rng.uniform(0.92, 1.0)),
            float(rng.uniform(0.7, 1.2)),
            float(rng.uniform(0, 0.45) * (often[0] < 0.4)),
            float(rng.uniform(0.3, 1.4) * (often[1] < 0.5)),
            float(rng.uniform(0.2, 0.9) * (often[2] < 0.3)),
            float(rng.uniform(0.5, 5.0) * (often[3] < 0.5)) * (style != "painting")
            + 3.0 * (style == "film"),
            float(rng.uniform(0.0, 0.9)),
            int(rng.integers(35, 93)) if often[4] < 0.6 else 0,
            style,
        )

    def develop(self, picture: U8, rng: np.random.Generator) -> U8:
        """Take a picture [H, W, 3]; `rng` draws its noise."""
        if self.style == "painting":
            picture = _brushed(picture)
        value: Floats = self._table[picture, np.arange(3)] @ self._colours
        if self.vignette:
            value = value * _corners(picture.shape[0], self.vignette)
        value = self._focus(value)
        if self.noise:
            value += self.noise * _grain(picture.shape, self.grain, rng)
        taken = np.clip(np.round(value), 0, 255).astype(np.uint8)
        return _compress(taken, self.quality) if self.quality else taken

    @cached_property
    def _table(self) -> Floats:
        """The tone curve [256, 3] from bytes to 0..255: gain in linear light, then contrast and levels."""
        code = np.arange(256)[:, None] / 255
        linear = np.clip(code**2.2 * np.asarray(self.gains), 0, None)
        tone = (linear / (1 + 0.25 * np.maximum(linear - 0.8, 0))) ** (1 / 2.2)
        tone = np.clip(0.5 + self.contrast * (tone - 0.5), 0, 1)
        return np.asarray(255 * (self.black + (self.white - self.black) * tone), np.float32)

    @cached_property
    def _colours(self) -> Floats:
        """The matrix [3, 3] that mixes channels (for row vectors)."""
        saturation = 0.0 if self.style in ("monochrome", "sepia") else self.saturation
        grey = np.repeat(_LUMA[:, None], 3, axis=1)
        matrix = saturation * np.eye(3) + (1 - saturation) * grey
        if self.style == "sepia":
            matrix = matrix * (1.06, 0.97, 0.80)
        if self.style == "film":
            matrix = matrix @ np.array([[0.95, 0.03, 0.02], [0.05, 0.93, 0.04], [0.0, 0.04, 0.94]])
        return np.asarray(matrix, np.float32)

    def _focus(self, value: Floats) -> Floats:
        """Out of focus, then sharpened as cameras do."""
        if self.blur:
            value = _soften(value, self.blur)
        if self.sharpen:
            value = value + self.sharpen * (value - _soften(value, 1.2))
        return value


def _soften(value: Floats, pixels: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(value, (0, 0), pixels), np.float32)


def _brushed(picture: U8) -> U8:
    """Flat strokes with crisp borders on the weave of a canvas.

    A pixel takes the mean of the calmest of four squares that it is a corner of (Kuwahara et al.,
    "Processing of RI-angiocardiographic images", 1976).
    """
    around = ((_STROKE, _STROKE), (_STROKE, _STROKE), (0, 0))
    value = np.pad(np.asarray(picture, np.float32), around, mode="edge")
    light = value @ _LUMA
    side = 2 * _STROKE + 1
    mean = np.asarray(cv2.blur(value, (side, side)), np.float32)
    spread = cv2.blur(light * light, (side, side)) - cv2.blur(light, (side, side)) ** 2
    corners = [(dy, dx) for dy in (-_STROKE, _STROKE) for dx in (-_STROKE, _STROKE)]
    means = np.stack([np.roll(mean, by, (0, 1)) for by in corners])
    spreads = np.stack([np.roll(spread, by, (0, 1)) for by in corners])
    flat = np.take_along_axis(means, spreads.argmin(0)[None, ..., None], 0)[0]
    flat = flat[_STROKE:-_STROKE, _STROKE:-_STROKE]
    weave = np.random.default_rng(0).standard_normal(picture.shape[:2], np.float32)
    return np.clip(flat + 7 * _soften(weave, 1.0)[..., None], 0, 255).astype(np.uint8)


def _corners(size: int, loss: float) -> Floats:
    axis = np.linspace(-1, 1, size, dtype=np.float32)
    radius = (axis[None] ** 2 + axis[:, None] ** 2) / 2
    return (1 - loss * radius**1.5)[..., None]


def _grain(shape: tuple[int, ...], size: float, rng: np.random.Generator) -> Floats:
    """Noise [H, W, 3] of unit deviation, mostly in the lightness, `size` pixels coarse."""
    height, width = shape[:2]
    light = rng.standard_normal((height, width, 1), np.float32)
    colour = rng.standard_normal((height, width, 3), np.float32)
    noise = 0.85 * light + 0.5 * colour
    if size > 0.3:
        noise = _soften(noise, size)
        noise = noise / noise.std()
    return noise


def _compress(picture: U8, quality: int) -> U8:
    """Through a JPEG file and back."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))
