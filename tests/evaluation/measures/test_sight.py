"""What is read from a frame with known landmarks."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from flowact.evaluation.judges.landmarks.face import FaceLandmarks
from flowact.evaluation.judges.landmarks.panel import Panel
from flowact.evaluation.measures.sight import CHEEKS, LIDS, lid_lightness, opening, watch

FRAME = np.full((480, 480, 3), 200, np.uint8)


def points() -> np.ndarray:
    places = np.zeros((478, 2))
    places[[33, 133, 362, 263]] = (180, 200), (220, 200), (260, 200), (300, 200)
    for (upper, lower), x in zip(LIDS, (200, 280), strict=True):
        places[upper], places[lower] = (x, 195), (x, 205)
    places[list(CHEEKS)] = (200, 260)
    places[13], places[14] = (240, 300), (240, 330)
    return places


def test_the_opening_is_a_share_of_the_distance_of_the_eyes() -> None:
    assert opening(points()) == pytest.approx(30 / 120)


def test_lids_are_compared_with_the_cheeks() -> None:
    assert lid_lightness(FRAME, points()) == pytest.approx(1)
    dark = FRAME.copy()
    dark[180:220, 180:300] = 20
    assert lid_lightness(dark, points()) < 0.3


def test_eyes_outside_the_picture_have_no_lightness() -> None:
    assert np.isnan(lid_lightness(FRAME, points() - (1000, 1000)))


class Faces:
    """Sees a face in every frame but black ones."""

    def look(self, picture: np.ndarray) -> FaceLandmarks | None:
        curves = {"jawOpen": 0.25, "eyeBlinkLeft": 0.2, "eyeBlinkRight": 0.4}
        return FaceLandmarks(points(), curves) if picture.any() else None


class Identity:
    """Describes a picture by its first pixel."""

    def describe(self, picture: np.ndarray, _: Any = None) -> np.ndarray:
        return np.full(4, picture[0, 0, 0] / 100)


def test_every_frame_is_seen_and_every_twelfth_compared() -> None:
    panel = cast(Panel, SimpleNamespace(faces=Faces(), identity=Identity()))
    seen = watch([FRAME] * 13 + [np.zeros_like(FRAME)], FRAME - 50, panel)
    assert len(seen) == 14
    assert seen.faces.shape == (14, 240, 240, 3)
    assert seen.jaw[:13].tolist() == [0.25] * 13
    assert seen.blink[:13] == pytest.approx(0.3)
    assert np.isnan([seen.jaw[13], seen.lids[13], seen.identity[13]]).all()
    compared = np.flatnonzero(np.isfinite(seen.identity))
    assert compared.tolist() == [0, 12]
    assert seen.identity[0] == pytest.approx(1.0)
