"""Whether two pictures show the same person, by dlib's face descriptor. The only module that imports dlib.

Source: King, "High Quality Face Recognition with Deep Metric Learning" (2017): a ResNet-29 trained on three
million faces, 128 numbers, and a distance below .6 is "the same person" by its own rule. The files are CC0.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.evaluation.judges.landmarks.crops import Frame

Floats = NDArray[np.floating[Any]]


class IdentityJudge:
    """Describes faces by 128 numbers.

    Args:
        models: folder with `dlib_face_recognition_resnet_model_v1.dat` and
            `shape_predictor_5_face_landmarks.dat`, see `pinned.IDENTITY`.

    Raises UserError when dlib is not installed or a file is missing.
    """

    def __init__(self, models: Path) -> None:
        dlib = dlib_module()
        try:
            self._net = dlib.face_recognition_model_v1(
                str(models / "dlib_face_recognition_resnet_model_v1.dat")
            )
            self._five = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        except RuntimeError as error:
            raise UserError(f"{models} lacks dlib's files or they are damaged.") from error
        self._find, self._rectangle = dlib.get_frontal_face_detector(), dlib.rectangle

    def describe(self, picture: Frame, points: Floats | None = None) -> Floats | None:
        """The descriptor `[128]` of the largest face; None when there is none.

        Args:
            picture: RGB `[height, width, 3]`.
            points: of the face `[n, 2]` in pixels, if known; their bounding box is taken where dlib's own
                detector finds nothing.
        """
        picture = np.array(picture, order="C")  # dlib refuses read-only and strided arrays
        found = self._find(picture, 1)
        if len(found):
            box = max(found, key=lambda face: face.area())
        elif points is not None:
            (left, top), (right, bottom) = points.min(0), points.max(0)
            box = self._rectangle(int(left), int(top), int(right), int(bottom))
        else:
            return None
        described = self._net.compute_face_descriptor(picture, self._five(picture, box))
        return np.array(described)


def distance(one: Floats, other: Floats) -> float:
    """Euclidean distance of two descriptors."""
    return float(np.linalg.norm(one - other))


def dlib_module() -> Any:
    """The library itself. Raises UserError when it is not installed."""
    try:
        import dlib
    except ImportError:
        raise UserError(
            "The judge of identity needs dlib; install FlowAct with its extra `judge`."
        ) from None
    return dlib
