"""Marks that say that a picture was generated: one to be seen, and one to be measured.

The invisible mark is a fixed pattern of soft cells, 16 pixels wide, added to the luma of every frame: one or two grey
levels high on walls and skin, and more where leaves or hair hide it and would hide it from the detector, too. It
outlives H.264, JPEG and scaling of the whole picture, because a detector adds up 900 cells; it does not outlive
cropping, turning or a deliberate attack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from flowact.media.watermark_loops import add_pattern
from flowact.timebase import FRAME_SIZE

CELL: Final = 16
CELLS: Final = FRAME_SIZE // CELL
STRENGTHS: Final = (1.4, 2.8, 4.6, 6.5)
"""Grey levels that the middle of a cell is moved by: with two, plain walls look mottled."""
BUSY: Final = np.array([2.5, 4.5, 7.0])
"""Deviations of the grey levels within a cell from which on the next strength is taken."""
KEY: Final = 20260110103
DETECTED: Final = 6.0
"""Standard deviations: chance reaches this once in a thousand million pictures."""
_CLIP: Final = 2.0
_LABEL: Final = "AI-generated"
_WHITE: Final = 230
_BLACK: Final = 16
_INK: Final = 0.95
_PLATE: Final = 0.7
"""Opacity of the plate under the writing: on white clothes, white letters alone cannot be read."""
_RIM: Final = 4
"""Pixels of the plate around the writing."""


@dataclass(frozen=True)
class Watermark:
    """Which marks frames are given.

    Attributes:
        visible: write "AI-generated" into a corner.
        hidden: add the pattern that `score` finds.
    """

    visible: bool = True
    hidden: bool = True

    def apply(self, luma: NDArray[np.uint8]) -> None:
        """Mark a luma plane `[480, 480]` in video range (16..235) in place."""
        if self.hidden:
            # In video range there is room for the pattern at both ends: the sum never wraps.
            add_pattern(luma, _patterns_bytes(), BUSY, CELL)
        if self.visible:
            ink, plate = _label()
            corner = luma[-ink.shape[0] - 8 : -8, 10 : 10 + ink.shape[1]]
            behind = corner + plate * (_BLACK - corner.astype(np.float32))
            corner[:] = np.rint(behind + ink * (_WHITE - behind))


def score(luma: NDArray[np.uint8]) -> float:
    """Measure the hidden mark in a grey picture of any size.

    Returns:
        The correlation with the pattern in standard deviations of what an unmarked picture gives;
        `DETECTED` or more means marked.
    """
    square = Image.fromarray(luma).resize((CELLS, CELLS), Image.Resampling.BOX)
    cells = np.asarray(square.convert("F"), np.float64)
    detail = (cells - _neighbours(cells)).clip(-_CLIP, _CLIP)
    expected = _signs() - _neighbours(_signs())
    spread = np.sqrt((detail**2).mean() * (expected**2).sum())
    return float((detail * expected).sum() / spread) if spread else 0.0


def _neighbours(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the four cells around each, what a smooth picture would show in the middle."""
    edged = np.pad(cells, 1, mode="edge")
    around = edged[:-2, 1:-1] + edged[2:, 1:-1] + edged[1:-1, :-2] + edged[1:-1, 2:]
    return np.asarray(around / 4, np.float64)


@cache
def _signs() -> NDArray[np.float64]:
    generator = np.random.Generator(np.random.PCG64(KEY))
    return generator.choice([-1.0, 1.0], (CELLS, CELLS))


@cache
def _patterns_bytes() -> NDArray[np.uint8]:
    """The pattern at each strength as bytes to add modulo 256, dithered between grey levels, `[4, 480, 480]`."""
    smooth = Image.fromarray(_signs().astype(np.float32))
    shape = np.asarray(smooth.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.BICUBIC))
    dither = np.random.Generator(np.random.PCG64(KEY + 1)).random(shape.shape)
    patterns = [np.floor(shape * strength + dither) for strength in STRENGTHS]
    return np.stack(patterns).clip(-9, 9).astype(np.int8).view(np.uint8)


@cache
def _label() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Opacities `[height, width]` of the written mark, and of the dark plate with round corners under it."""
    font = ImageFont.load_default(size=15)
    width, height = (round(value) for value in font.getbbox(_LABEL)[2:])
    size = (width + 2 * _RIM, height + 2 * _RIM)
    writing, plate = Image.new("L", size), Image.new("L", size)
    ImageDraw.Draw(writing).text((_RIM, _RIM - 1), _LABEL, fill=255, font=font)
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 5, fill=255)
    ink, behind = (np.asarray(image, np.float32) for image in (writing, plate))
    return ink * np.float32(_INK / 255), behind * np.float32(_PLATE / 255)
