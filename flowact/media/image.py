"""Pictures in: whatever somebody has, upright and in sRGB."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.media.refusals import user_errors
from flowact.timebase import FRAME_SIZE
from mediafiles import pictures

ENOUGH: Final = 4 * FRAME_SIZE
"""Shorter edge in pixels from which the smallest face that is found still fills a frame; more only costs memory."""


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture, turn it upright, and return it as uint8 `[H, W, 3]`, sRGB.

    One whose shorter edge is at least twice `ENOUGH` is reduced by a whole factor.

    Raises:
        UserError: missing, not a picture, damaged, black, a side under 64 pixels, over 64 million pixels.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no picture {path}.")
    with user_errors():
        return pictures.read_picture(path, ENOUGH)


def is_frame(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture `[H, W, 3]` is as large as the model's own."""
    return picture.shape[:2] == (FRAME_SIZE, FRAME_SIZE)
