"""478 points of a face and 51 of ARKit's curves, read from a picture as MediaPipe's face landmarker does.

Sources: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs" (arXiv
1907.06724); Grishchenko et al., "Attention Mesh" (arXiv 2006.10962); the model cards "BlazeFace (short range)",
"MediaPipe Face Mesh V2" and "Blendshape V2"; MediaPipe's `face_landmarker_graph.cc` and
`face_blendshapes_graph.cc` (Apache-2.0), which say how the three networks follow each other. The library itself
is not used: it reports usage to its maker.
"""

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.evaluation.judges.landmarks.crops import Frame, turn
from flowact.evaluation.judges.landmarks.detector import Detection, Detector
from flowact.evaluation.judges.landmarks.litert import Network
from flowact.motion.arkit import ARKIT

Floats = NDArray[np.floating[Any]]

DETECTOR_EDGE: Final = 128
MESH_EDGE: Final = 256
MARGIN: Final = 1.5
"""Edge of what the landmark network sees over that of the box of the face."""
LEAST_LOGIT: Final = 0.0
"""Of the landmark network's presence of a face: a half, before the sigmoid."""
EYES: Final = (0, 1)
"""Of the detector's points, the person's right and left eye: left and right in the picture."""
CURVES: Final = tuple(name for name in ARKIT if name != "tongueOut")
"""What the blendshape network gives after a neutral one, in its own order, which is ARKIT's."""

SUBSET: Final = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78,
    80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152,
    153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246,
    249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312,
    314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381,
    382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472,
    473, 474, 475, 476, 477,
)  # fmt: skip
"""The 146 points that the blendshape network looks at."""


@dataclass(frozen=True)
class FaceLandmarks:
    """A face in a picture: `points` [478, 2] in pixels, and ARKit `curves` in 0..1 by name."""

    points: Floats
    curves: dict[str, float]

    @property
    def blink(self) -> float:
        """How far the lids are shut, mean of both eyes, 0..1."""
        return (self.curves["eyeBlinkLeft"] + self.curves["eyeBlinkRight"]) / 2


class FaceLandmarker:
    """Looks for the surest face of a picture; every picture is looked at alone, nothing is smoothed.

    Args:
        bundle: MediaPipe's `face_landmarker.task`, a zip of three networks; see `pinned.FACES`.

    Raises UserError when LiteRT is not installed or a network is damaged.
    """

    def __init__(self, bundle: Path) -> None:
        with zipfile.ZipFile(bundle) as opened:
            names = ("face_detector", "face_landmarks_detector", "face_blendshapes")
            boxes, self._mesh, self._blendshapes = (
                Network(opened.read(f"{name}.tflite")) for name in names
            )
        self._detector = Detector(boxes, DETECTOR_EDGE, -1.0)

    def look(self, picture: Frame) -> FaceLandmarks | None:
        """The face of a picture, RGB `[height, width, 3]`; None when there is none."""
        found = self._detector.find(picture)
        points = self._points(picture, found[0]) if found else None
        return None if points is None else FaceLandmarks(points, self._curves(points))

    def _points(self, picture: Frame, face: Detection) -> Floats | None:
        """The landmark network's points in pixels; None where it sees no face."""
        left, right = (face.points[eye] for eye in EYES)
        region = replace(face.region, angle=turn(left, right, 0.0)).grown(MARGIN)
        outputs = self._mesh(region.cut(picture, MESH_EDGE, cv2.BORDER_REPLICATE))
        if float(outputs["Identity_1"].squeeze()) < LEAST_LOGIT:
            return None
        return region.place(outputs["Identity"].reshape(-1, 3)[:, :2] / MESH_EDGE)

    def _curves(self, points: Floats) -> dict[str, float]:
        (scores,) = self._blendshapes(points[list(SUBSET)].astype(np.float32)).values()
        return dict(zip(CURVES, scores.reshape(-1)[1:].tolist(), strict=True))
