"""A character renders, deterministically, and its correspondences describe its pictures."""

import numpy as np
import pytest

from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Body, Humanoid
from flowact.datagen.appearance.character import random_character
from flowact.datagen.clip import LANDMARKS
from flowact.datagen.named_characters import named_characters
from flowact.datagen.render import Scene
from flowact.motion.arkit import ARKIT

REST = np.zeros(52, np.float32)


@pytest.fixture(scope="module")
def stage() -> Scene:
    return Scene(Actor(named_characters()["mira"], Humanoid.load()))


def curve(**values: float) -> np.ndarray:
    result = REST.copy()
    for name, value in values.items():
        result[ARKIT.index(name)] = value
    return result


def test_the_same_input_gives_the_same_picture(stage: Scene) -> None:
    first = stage.render(REST, Body.rest_pose()).picture
    stage.render(curve(jawOpen=0.7), Body.rest_pose())
    assert np.array_equal(first, stage.render(REST, Body.rest_pose()).picture)


def test_the_open_mouth_is_measured_and_seen(stage: Scene) -> None:
    shut, _ = stage.measure(REST, Body.rest_pose())
    gap, marks = stage.measure(curve(jawOpen=0.6), Body.rest_pose())
    assert shut == 0
    assert 0.3 < gap < 0.9
    top, bottom = (
        marks[LANDMARKS.index("lip_upper_inner")],
        marks[LANDMARKS.index("lip_lower_inner")],
    )
    assert bottom[1] - top[1] > 8
    before = stage.render(REST, Body.rest_pose()).picture.astype(int)
    after = stage.render(curve(jawOpen=0.6), Body.rest_pose()).picture.astype(int)
    changed = np.abs(after - before).max(-1) > 40
    rows, columns = np.nonzero(changed)
    assert abs(columns.mean() - 240) < 15
    assert rows.mean() > marks[LANDMARKS.index("nose_tip")][1]


def test_the_reference_corresponds_to_itself(stage: Scene) -> None:
    frame = stage.render(REST, Body.rest_pose())
    whole, seen, face, _ = stage.correspondence(frame, frame)
    axis = (np.arange(60) + 0.5) / 30 - 1
    assert np.allclose(whole[..., 0], axis[None, :], atol=1e-3)
    assert np.allclose(face[:, 0, 1], (88 + (np.arange(60) + 0.5) * 4) / 240 - 1, atol=1e-3)
    assert (seen == 255).mean() > 0.995


def test_a_turned_head_is_found_in_the_reference(stage: Scene) -> None:
    pose = Body.rest_pose()
    pose[3] = (0.0, 0.2, 0.0)
    frame, reference = stage.render(REST, pose), stage.render(REST, Body.rest_pose())
    whole, seen, _, _ = stage.correspondence(frame, reference)
    cells = (np.arange(60) * 8 + 4).astype(int)
    x = np.clip(((whole[..., 0] + 1) * 240).astype(int), 0, 479)
    y = np.clip(((whole[..., 1] + 1) * 240).astype(int), 0, 479)
    warped = reference.picture[y, x].astype(float)
    truth = frame.picture[np.ix_(cells, cells)].astype(float)
    repeated = reference.picture[np.ix_(cells, cells)].astype(float)
    shown = seen > 0
    assert np.abs(warped - truth)[shown].mean() < 0.6 * np.abs(repeated - truth)[shown].mean()


def test_random_people_render_and_differ() -> None:
    pictures = []
    for seed in (1, 2):
        actor = Actor(random_character(np.random.default_rng(seed)), Humanoid.load())
        pictures.append(Scene(actor).render(REST, Body.rest_pose()).picture.astype(int))
    assert all(p.std() > 20 for p in pictures)
    assert np.abs(pictures[0] - pictures[1]).mean() > 10
