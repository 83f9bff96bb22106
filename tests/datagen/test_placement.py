"""A placement moves the picture and turns the head, for a clip and its reference alike."""

import numpy as np
import pytest

from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Body, Humanoid
from flowact.datagen.clip import LANDMARKS
from flowact.datagen.named_characters import named_characters
from flowact.datagen.placement import Placement
from flowact.datagen.render import Scene
from flowact.motion.gaze import MAXIMUM_EYE
from flowact.motion.joints import joint

REST = np.zeros(52, np.float32), Body.rest_pose()
EYES = [LANDMARKS.index("eye_left_centre"), LANDMARKS.index("eye_right_centre")]


@pytest.fixture(scope="module")
def actor() -> Actor:
    return Actor(named_characters()["theo"], Humanoid.load())


def marks(actor: Actor, placement: Placement) -> np.ndarray:
    return Scene(actor, placement).measure(*REST)[1]


def test_the_usual_placement_changes_nothing() -> None:
    curves, pose = Placement().pose(*REST)
    assert np.array_equal(curves, REST[0])
    assert np.array_equal(pose, REST[1])


def test_shift_and_zoom_are_in_pixels(actor: Actor) -> None:
    usual, moved = marks(actor, Placement()), marks(actor, Placement(shift=(20, -10)))
    assert moved - usual == pytest.approx(np.tile([20, -10], (len(LANDMARKS), 1)), abs=1e-3)
    closer = marks(actor, Placement(zoom=1.3))
    assert np.ptp(closer, axis=0) == pytest.approx(1.3 * np.ptp(usual, axis=0), rel=1e-4)


def test_roll_turns_the_line_of_the_eyes(actor: Actor) -> None:
    left, right = marks(actor, Placement(roll=10))[EYES]
    slope = np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0]))
    assert slope == pytest.approx(10, abs=1)


def test_a_turned_head_looks_at_the_viewer_as_far_as_eyes_go() -> None:
    _, pose = Placement(head=(0, 40, 0)).pose(*REST)
    turned = pose[joint("neck"), 1] + pose[joint("head"), 1]
    assert np.degrees(turned) == pytest.approx(40)
    assert pose[joint("eye_left"), 1] == pytest.approx(-MAXIMUM_EYE[0])
    _, away = Placement(head=(0, 40, 0), gaze=0).pose(*REST)
    assert away[joint("eye_left"), 1] == 0


def test_random_placements_repeat_and_stay_in_range() -> None:
    drawn = [Placement.random(np.random.default_rng(seed)) for seed in range(200)]
    assert drawn[5] == Placement.random(np.random.default_rng(5))
    yaw, zoom = np.array([[p.head[1], p.zoom] for p in drawn]).T
    assert np.abs(yaw).max() <= 40
    assert (np.abs(yaw) > 25).mean() > 0.05
    assert 0.6 < zoom.min() < 0.8
    assert 1.2 < zoom.max() < 1.5


def test_points_are_found_in_a_reference_that_is_placed_alike(actor: Actor) -> None:
    stage = Scene(actor, Placement((12, -8), 1.2, 8.0, (4, 25, -5)))
    pose = Body.rest_pose()
    pose[joint("head")] = (0.05, -0.25, 0.0)
    frame, reference = stage.render(REST[0], pose), stage.render(*REST)
    whole, seen, _, _ = stage.correspondence(frame, reference)
    cells = np.arange(60) * 8 + 4
    x, y = np.moveaxis(np.clip(((whole + 1) * 240).astype(int), 0, 479), -1, 0)
    truth = frame.picture[np.ix_(cells, cells)].astype(float)
    still = reference.picture[np.ix_(cells, cells)].astype(float)
    warped = reference.picture[y, x].astype(float)
    assert np.abs(warped - truth)[seen > 0].mean() < 0.6 * np.abs(still - truth)[seen > 0].mean()
