"""The judges together, with their files fetched."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from flowact.evaluation.judges.landmarks.face import FaceLandmarker
from flowact.evaluation.judges.landmarks.hands import HandLandmarker
from flowact.evaluation.judges.landmarks.identity import IdentityJudge, dlib_module
from flowact.evaluation.judges.landmarks.litert import interpreter_class
from flowact.evaluation.judges.landmarks.pinned import FACES, HANDS, IDENTITY, fetch


@dataclass(frozen=True)
class Panel:
    """Judges of faces, identity and hands."""

    faces: FaceLandmarker
    identity: IdentityJudge
    hands: HandLandmarker

    @classmethod
    def load(cls, cache: Path) -> Self:
        """Load all judges from a folder, into which their files are downloaded unless they are there.

        Raises UserError when the extra `judge` is not installed or a download fails.
        """
        interpreter_class(), dlib_module()  # what is missing is said before anything is downloaded
        faces, hands = fetch(FACES, cache), fetch(HANDS, cache)
        return cls(
            FaceLandmarker(faces / "face_landmarker.task"),
            IdentityJudge(fetch(IDENTITY, cache)),
            HandLandmarker(
                hands / "palm_detection" / "palm_detection_full.tflite",
                hands / "hand_landmark" / "hand_landmark_full.tflite",
            ),
        )
