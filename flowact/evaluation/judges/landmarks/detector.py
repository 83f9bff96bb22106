"""MediaPipe's single-shot detectors of faces and palms: anchors, decoding, non-maximum suppression.

Sources: Bazarevsky et al., "BlazeFace" (arXiv 1907.05047), which describes anchors of one size per cell and
the blending of overlapping boxes; Zhang et al., "MediaPipe Hands" (arXiv 2006.10214); and the numbers in
MediaPipe's `face_detector_graph.cc`, `hand_detector_graph.cc` and `ssd_anchors_calculator.cc` (Apache-2.0).
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.evaluation.judges.landmarks.crops import CropRegion, Frame
from flowact.evaluation.judges.landmarks.litert import Network

Floats = NDArray[np.floating[Any]]

LAYERS: Final = ((8, 2), (16, 6))
"""Pixels between two cells, and anchors at each."""
LEAST_SCORE: Final = 0.5
OVERLAP: Final = 0.3
"""Intersection over union from which two boxes show the same thing."""
_BOX: Final = 4
"""Numbers of a box: centre x and y, width, height."""


@dataclass(frozen=True)
class Detection:
    """Something found: `score` in 0..1, `box` left, top, right, bottom, and `points` [n, 2], in pixels."""

    score: float
    box: Floats
    points: Floats

    @property
    def region(self) -> CropRegion:
        """The box as an upright region."""
        (left, top, right, bottom) = self.box.tolist()
        return CropRegion((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


class Detector:
    """Finds boxes and key points in a picture.

    Args:
        network: gives boxes `[1, anchors, 4 + 2 * points]` and scores `[1, anchors, 1]`.
        edge: of its square input, in pixels.
        darkest: value of a black pixel in its input; a white one is 1.
    """

    def __init__(self, network: Network, edge: int, darkest: float) -> None:
        self._network, self._edge, self._darkest = network, edge, darkest
        self._anchors = anchors(edge)

    def find(self, picture: Frame) -> list[Detection]:
        """All detections in a picture `[height, width, 3]`, the surest first."""
        square = CropRegion.whole(picture)
        pixels = square.cut(picture, self._edge, cv2.BORDER_CONSTANT)
        outputs = self._network(self._darkest + (1 - self._darkest) * pixels)
        scores, raw = sorted((o[0] for o in outputs.values()), key=lambda o: o.shape[-1])
        sure = 1 / (1 + np.exp(-scores[:, 0].astype(np.float64).clip(-100, 100)))
        likely = sure >= LEAST_SCORE
        corners = decode(raw[likely], self._anchors[likely], self._edge)
        found = blend(corners, sure[likely])
        return [_placed(score, points, square) for score, points in found]


def anchors(edge: int) -> Floats:
    """Centres `[n, 2]` of all anchors in 0..1, cell by cell, layer by layer."""
    layers = []
    for stride, count in LAYERS:
        axis = (np.arange(edge // stride) + 0.5) * stride / edge
        y, x = np.meshgrid(axis, axis, indexing="ij")
        layers.append(np.stack([x, y], -1).reshape(-1, 2).repeat(count, 0))
    return np.concatenate(layers)


def decode(raw: Floats, centres: Floats, edge: int) -> Floats:
    """Corners of boxes and key points `[n, 2 + points, 2]` in 0..1 of the input.

    Args:
        raw: the network's numbers `[n, 4 + 2 * points]`, pixels from the anchor.
        centres: of the anchors `[n, 2]`.
        edge: of the input, in pixels.
    """
    pairs = raw.reshape(len(raw), raw.shape[1] // 2, 2) / edge
    middle, half = pairs[:, :1] + centres[:, None], pairs[:, 1:2] / 2
    points = pairs[:, _BOX // 2 :] + centres[:, None]
    return np.concatenate([middle - half, middle + half, points], 1)


def blend(corners: Floats, scores: Floats) -> list[tuple[float, Floats]]:
    """Weighted non-maximum suppression: boxes that overlap the surest become one, their mean by score.

    Args:
        corners: `[n, 2 + points, 2]`, see `decode`.
        scores: `[n]`.
    """
    found, rest = [], np.argsort(-scores, kind="stable")
    while len(rest):
        same = overlap(corners[rest[0]], corners[rest]) > OVERLAP
        same[0] = True
        weights = scores[rest[same]]
        mean = np.tensordot(weights, corners[rest[same]], 1) / weights.sum()
        found.append((float(scores[rest[0]]), mean))
        rest = rest[~same]
    return found


def overlap(one: Floats, others: Floats) -> Floats:
    """Intersection over union `[n]` of a box with others; the first two points are its corners."""
    low = np.maximum(one[0], others[:, 0])
    shared = (np.minimum(one[1], others[:, 1]) - low).clip(0).prod(-1)
    areas = (others[:, 1] - others[:, 0]).prod(-1) + (one[1] - one[0]).prod()
    return np.asarray(shared / np.maximum(areas - shared, 1e-9))


def _placed(score: float, corners: Floats, square: CropRegion) -> Detection:
    pixels = square.place(corners)
    return Detection(score, pixels[:2].reshape(-1), pixels[2:])
