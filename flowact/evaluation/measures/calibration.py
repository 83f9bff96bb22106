"""What the judges say about photographs, so that one knows what their numbers mean."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.evaluation.judges.landmarks.face import FaceLandmarks
from flowact.evaluation.judges.landmarks.identity import distance
from flowact.evaluation.judges.landmarks.panel import Panel
from flowact.evaluation.measures.sight import lid_lightness
from flowact.evaluation.measures.talking_portraits import SHUT
from flowact.evaluation.photographs import Frame, PersonPhotos, reduced

Floats = NDArray[np.floating[Any]]
Section = dict[str, float]


@dataclass(frozen=True)
class Known:
    """One person as the judges see the photographs.

    Attributes:
        portrait, selfie: descriptors `[128]`; None where there is no face.
        expressions: those of the expressions with a face.
        faces: of the expressions.
        shut_lids: lightness of the lids over the cheeks' in those in which the eyes are shut; see `lid_lightness`.
    """

    portrait: Floats | None
    selfie: Floats | None
    expressions: list[Floats]
    faces: list[FaceLandmarks]
    shut_lids: list[float]


def calibrate(people: Iterable[PersonPhotos], panel: Panel) -> dict[str, Section]:
    """Distances of the same person and of two, and the range of the curves in 16 expressions each."""
    known = [_known(person, panel) for person in people]
    same = _between((k.portrait, k.selfie) for k in known)
    faces = _between((k.portrait, e) for k in known for e in k.expressions)
    two = _between((a.portrait, b.portrait) for a, b in combinations(known, 2))
    return {
        "one_person_portrait_and_selfie": _spread(same),
        "one_person_portrait_and_expressions": _spread(faces),
        "two_people_portraits": _spread(two),
        "highest_blink_of_16_expressions": _spread(
            [max(face.blink for face in k.faces) for k in known if k.faces]
        ),
        "highest_jaw_of_16_expressions": _spread(
            [max(face.curves["jawOpen"] for face in k.faces) for k in known if k.faces]
        ),
        "lightness_of_shut_lids": _spread([light for k in known for light in k.shut_lids]),
    }


def _known(person: PersonPhotos, panel: Panel) -> Known:
    portrait, selfie = (_look(reduced(p), panel)[1] for p in (person.portrait, person.selfie))
    pictures = list(person.expressions())
    seen = [_look(picture, panel) for picture in pictures]
    described = [d for _, d in seen if d is not None]
    faces = [(p, face) for p, (face, _) in zip(pictures, seen, strict=True) if face is not None]
    shut = [lid_lightness(p, face.points) for p, face in faces if face.blink > SHUT]
    return Known(portrait, selfie, described, [face for _, face in faces], shut)


def _look(picture: Frame, panel: Panel) -> tuple[FaceLandmarks | None, Floats | None]:
    face = panel.faces.look(picture)
    return face, panel.identity.describe(picture, None if face is None else face.points)


def _between(pairs: Iterable[tuple[Floats | None, Floats | None]]) -> list[float]:
    return [distance(a, b) for a, b in pairs if a is not None and b is not None]


def _spread(values: list[float]) -> Section:
    """How many, the least, the median and the most."""
    low, middle, high = np.percentile(values, (0, 50, 100)) if values else (np.nan,) * 3
    return {"n": len(values), "least": float(low), "median": float(middle), "most": float(high)}
