"""The landmarks lie where the renderer's own are, the curves follow the lids, and people can be told apart."""

from functools import cache

import cv2
import numpy as np
import pytest

from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.clip import LANDMARKS
from flowact.datagen.named_characters import named_characters
from flowact.datagen.performance.performance import rest_performance
from flowact.datagen.render import Scene
from flowact.evaluation.judges.landmarks.identity import distance
from flowact.evaluation.judges.landmarks.panel import Panel
from flowact.evaluation.measures.hand_gestures import FIRST, act
from flowact.evaluation.measures.sight import lid_lightness, opening
from flowact.motion.arkit import columns
from tests.evaluation.conftest import portrait

SAME_POINTS = dict(zip(LANDMARKS, (291, 61, 13, 14, 473, 468, 1, 152), strict=True))
"""MediaPipe's numbers of the renderer's landmarks."""
CAST = ("mira", "omar")


@cache
def scene(name: str) -> Scene:
    return Scene(Actor(named_characters()[name], Humanoid.load()))


def rendered(name: str, **curves: float) -> np.ndarray:
    face, pose = rest_performance(named_characters()[name].smile)
    for curve, value in curves.items():
        face[list(columns(curve))] = value
    return scene(name).render(face, pose).picture


@pytest.mark.parametrize("name", CAST)
def test_landmarks_lie_where_the_renderers_are(panel: Panel, name: str) -> None:
    _, marks = scene(name).measure(*rest_performance(named_characters()[name].smile))
    face = panel.faces.look(portrait(name))
    assert face is not None
    away = np.linalg.norm(face.points[list(SAME_POINTS.values())] - marks, axis=1)
    assert away.max() < 7
    assert np.median(away) < 3


def test_landmarks_turn_and_shift_with_the_picture(panel: Panel) -> None:
    picture = portrait("mira")
    matrix = cv2.getRotationMatrix2D((240, 200), 25, 0.8)
    turned = cv2.warpAffine(picture, matrix, (640, 480), borderMode=cv2.BORDER_REPLICATE)
    upright, face = panel.faces.look(picture), panel.faces.look(turned)
    assert upright is not None and face is not None
    expected = upright.points @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(face.points - expected, axis=1).mean() < 2


def test_shut_lids_have_a_high_blink_curve_and_open_ones_a_low(panel: Panel) -> None:
    wide, shut = (panel.faces.look(rendered("mira", eyeBlink=value)) for value in (0.0, 1.0))
    assert wide is not None and shut is not None
    assert wide.blink < 0.15
    assert shut.blink > 0.6


def test_shut_lids_are_lighter_than_open_eyes(panel: Panel) -> None:
    frames = [rendered("mira", eyeBlink=value) for value in (0.0, 1.0)]
    faces = [panel.faces.look(frame) for frame in frames]
    wide, shut = (
        lid_lightness(frame, face.points)
        for frame, face in zip(frames, faces, strict=True)
        if face is not None
    )
    assert wide + 0.1 < shut < 1.1


def test_an_open_mouth_is_seen(panel: Panel) -> None:
    shut, wide = (panel.faces.look(rendered("omar", jawOpen=value)) for value in (0.0, 0.7))
    assert shut is not None and wide is not None
    assert wide.curves["jawOpen"] > shut.curves["jawOpen"] + 0.3
    assert opening(wide.points) > opening(shut.points) + 0.1


def test_there_is_no_face_and_no_hand_in_a_plain_picture(panel: Panel) -> None:
    plain = np.full((300, 200, 3), 128, np.uint8)
    assert panel.faces.look(plain) is None
    assert panel.identity.describe(plain) is None
    assert panel.hands.look(plain) == []


def test_the_same_character_is_near_and_two_are_far(panel: Panel) -> None:
    mira, laughing, omar = (
        panel.identity.describe(p)
        for p in (portrait("mira"), rendered("mira", mouthSmile=0.8), portrait("omar"))
    )
    assert mira is not None and laughing is not None and omar is not None
    assert mira.shape == (128,)
    assert distance(mira, laughing) < 0.3
    assert distance(mira, omar) > 0.5


def test_a_face_that_dlib_does_not_find_is_described_from_its_points(panel: Panel) -> None:
    turned = np.rot90(portrait("mira"))
    assert panel.identity.describe(turned) is None
    face = panel.faces.look(portrait("mira"))
    assert face is not None
    aside = np.stack([face.points[:, 1], 479 - face.points[:, 0]], 1)
    assert panel.identity.describe(turned, aside) is not None


def test_hands_are_found_in_a_rendered_wave_and_not_in_a_portrait(panel: Panel) -> None:
    performance = act("waving", 0)
    frame = scene("mira").render(performance.curves[FIRST], performance.pose[FIRST]).picture
    (hand,) = panel.hands.look(frame)
    assert hand.points.shape == (21, 2)
    assert hand.points[12, 1] < hand.points[0, 1]  # the middle finger's tip is above the wrist
    assert panel.hands.look(portrait("mira")) == []
