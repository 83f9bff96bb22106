"""Framing: the square of a picture in which a face sits as in the portraits that the model knows."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.timebase import FRAME_SIZE

SEARCH_EDGE: Final = 480
"""Shorter edge in pixels of the picture in which a face is looked for."""
SMALLEST: Final = 40
"""Edge in pixels of the smallest face that is found there: a twelfth of the shorter edge."""
WITNESSES: Final = 2
"""Neighbouring squares that must look like a face too. A photographed face has a hundred, a flat drawing three."""
WIDEST: Final = 1.3
"""How much larger than the picture the square may be, in shorter edges."""
DRAWN_OUT: Final = 12
"""Rows at the picture's foot whose mean goes on below it."""


@dataclass(frozen=True)
class Face:
    """Where a face is: the left, the top and the edge of the square that the detector draws round it."""

    left: float
    top: float
    edge: float

    @property
    def mouth(self) -> tuple[float, float]:
        """About where the mouth is, in pixels: x, y."""
        return self.left + self.edge / 2, self.top + 0.8 * self.edge


USUAL: Final = Face(160, 101, 163)
"""Where the detector finds the faces of the named characters, give or take ten pixels."""


def find_face(picture: NDArray[np.uint8]) -> Face | None:
    """Find the surest face of a picture uint8 `[height, width, 3]`; None if there is none.

    By the cascade of boosted classifiers of Viola and Jones, "Rapid Object Detection using a Boosted Cascade of
    Simple Features" (2001), that comes with OpenCV: it sees faces that look at the viewer, drawn ones among them.
    """
    # Only uploaded pictures need it, and a server that never gets one should not hold it in memory.
    import cv2
    from cv2.data import haarcascades

    height, width = picture.shape[:2]
    scale = SEARCH_EDGE / min(height, width)
    size = (round(width * scale), round(height * scale))
    grey = cv2.cvtColor(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    cascade = cv2.CascadeClassifier(str(Path(haarcascades) / "haarcascade_frontalface_alt2.xml"))
    squares, witnesses = cascade.detectMultiScale2(
        cv2.equalizeHist(grey), 1.05, WITNESSES, minSize=(SMALLEST, SMALLEST)
    )
    if not len(squares):
        return None
    left, top, edge, _ = squares[int(np.argmax(witnesses))] / scale
    return Face(float(left), float(top), float(edge))


def framed(picture: Image.Image, face: Face | None) -> Image.Image:
    """Cut the square in which the mouth is where it is in the portraits, 480x480; without a face, the central one.

    A face gets the size of theirs; one that fills the picture stays larger. Beyond the rim of the picture
    it is mirrored, and drawn out downwards, as clothes go on.
    """
    shorter = min(picture.size)
    if face is None:
        left, top = ((length - shorter) / 2 for length in picture.size)
        return _scaled(picture, left, top, shorter)
    edge = min(face.edge * FRAME_SIZE / USUAL.edge, WIDEST * shorter)
    left, top = (
        at - place * edge / FRAME_SIZE for at, place in zip(face.mouth, USUAL.mouth, strict=True)
    )
    before = [math.ceil(max(0.0, -start)) for start in (left, top)]
    after = [
        math.ceil(max(0.0, start + edge - length))
        for start, length in zip((left, top), picture.size, strict=True)
    ]
    pixels = np.asarray(picture)
    pixels = np.pad(pixels, ((before[1], 0), (before[0], after[0]), (0, 0)), mode="reflect")
    pixels = np.pad(pixels, ((0, after[1]), (0, 0), (0, 0)), mode="mean", stat_length=DRAWN_OUT)
    return _scaled(Image.fromarray(pixels), left + before[0], top + before[1], edge)


def _scaled(picture: Image.Image, left: float, top: float, edge: float) -> Image.Image:
    box = (left, top, left + edge, top + edge)
    return picture.resize((FRAME_SIZE, FRAME_SIZE), Image.Resampling.LANCZOS, box)
