"""Hands in a picture, found as MediaPipe's hand landmarker does: a palm, and 21 points that say it is one.

Source: Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking" (arXiv 2006.10214), and the numbers
in MediaPipe's `hand_landmarker_graph.cc` and `hand_detector_graph.cc` (Apache-2.0).
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.evaluation.judges.landmarks.crops import CropRegion, Frame, turn
from flowact.evaluation.judges.landmarks.detector import Detection, Detector
from flowact.evaluation.judges.landmarks.litert import Network

Floats = NDArray[np.floating[Any]]

PALM_EDGE: Final = 192
HAND_EDGE: Final = 224
WRIST, MIDDLE_KNUCKLE = 0, 2
"""Of the palm's seven points."""
MARGIN: Final = 2.6
UPWARDS: Final = 0.5
"""A hand reaches so much of its palm's box further towards the fingers."""
MOST: Final = 2
"""Hands of one person."""
LEAST_PRESENCE: Final = 0.5


@dataclass(frozen=True)
class Hand:
    """A hand: `points` [21, 2] in pixels, from the wrist to the tip of the little finger; presence in 0..1."""

    points: Floats
    presence: float


class HandLandmarker:
    """Looks for up to two hands; every picture is looked at alone.

    Args:
        palms: MediaPipe's `palm_detection_full.tflite`; see `pinned.HANDS`.
        points: its `hand_landmark_full.tflite`.

    Raises UserError when LiteRT is not installed or a network is damaged.
    """

    def __init__(self, palms: Path, points: Path) -> None:
        self._palms = Detector(Network(palms.read_bytes()), PALM_EDGE, 0.0)
        self._points = Network(points.read_bytes())

    def look(self, picture: Frame) -> list[Hand]:
        """The hands of a picture, RGB `[height, width, 3]`."""
        hands = (self._hand(picture, palm) for palm in self._palms.find(picture)[:MOST])
        return [hand for hand in hands if hand.presence > LEAST_PRESENCE]

    def _hand(self, picture: Frame, palm: Detection) -> Hand:
        region = palm_region(palm)
        outputs = self._points(region.cut(picture, HAND_EDGE, cv2.BORDER_REPLICATE))
        points = outputs["Identity"].reshape(-1, 3)[:, :2] / HAND_EDGE
        return Hand(region.place(points), float(outputs["Identity_1"].squeeze()))


def palm_region(palm: Detection) -> CropRegion:
    """The square round the whole hand, turned so that the fingers point up."""
    angle = turn(palm.points[WRIST], palm.points[MIDDLE_KNUCKLE], math.pi / 2)
    return replace(palm.region, angle=angle).grown(MARGIN, UPWARDS)
