"""The eye network learns from close head shots, of which every window shows one eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flowact.datagen import head_shots
from flowact.datagen.head_shots import Framing, HeadShots, shoot_people, shoot_person
from flowact.motion.face_points import EYES, POINT
from flowact.portrait.eye_network import EYE_ROWS, EYE_SIZE, INNER, OUTER, EyeNet
from flowact.portrait.weights import read_weights
from flowact.training.landmarks import backgrounds, eye_stage, eye_windows, train
from flowact.training.landmarks.backgrounds import Backgrounds
from flowact.training.landmarks.eye_windows import Eyes
from flowact.training.landmarks.train import LandmarkData, train_eyes
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import LoopSettings

PUPIL = EYE_ROWS["left"].index(POINT["eye_pupil_left"])


@pytest.fixture(scope="module")
def shots() -> HeadShots:
    return shoot_person("heldout", 2001, views=4, framing=Framing.EYES)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few of everything."""
    monkeypatch.setattr(backgrounds, "STORE", 4)
    monkeypatch.setattr(train, "HELD_OUT_PEOPLE", 1)
    monkeypatch.setattr(eye_stage, "HELD_OUT_WINDOWS", 8)


def test_close_shots_have_the_eyes_in_the_middle(shots: HeadShots) -> None:
    eyes = shots.points[:, list(EYES)].mean(1) / head_shots.SIZE
    assert ((eyes > 0.35) & (eyes < 0.65)).all()


@pytest.mark.usefixtures("small")
def test_windows_of_both_sides_show_a_left_eye_with_its_points(
    shots: HeadShots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White discs at the pupils: there is the point wherever a window puts them, and the inner corner is left of it."""
    monkeypatch.setattr(eye_windows, "_CLEAR", 1.0)
    monkeypatch.setattr(eye_windows, "_GLASSES", 0.0)
    marked = shots.pictures.copy()
    marked[..., :3], marked[..., 3] = 20, 255
    yy, xx = np.mgrid[: head_shots.SIZE, : head_shots.SIZE] + 0.5
    for picture, points in zip(marked, shots.points, strict=True):
        for side in EYE_ROWS:
            x, y = points[POINT[f"eye_pupil_{side}"]]
            picture[np.hypot(xx - x, yy - y) < 4, :3] = 255
    shot = HeadShots(marked, shots.points, shots.pose, shots.eyes, shots.mouth)
    eyes, rng = Eyes([shot], Backgrounds(None, EYE_SIZE)), np.random.default_rng(1)
    for window in (eyes.window(rng) for _ in range(40)):
        x, y = ((window.points[PUPIL] + 1) * (EYE_SIZE / 2)).astype(int)
        assert window.picture[y - 1 : y + 2, x - 1 : x + 2].mean() > 150
        inner, outer = (window.points[row, 0] for row in (INNER, OUTER))
        assert inner < outer


@pytest.mark.usefixtures("small")
def test_training_writes_a_network_and_goes_on(tmp_path: Path) -> None:
    (head,) = shoot_people(tmp_path / "heads", "train", 1)
    (close,) = shoot_people(tmp_path / "heads", "train", 1, framing=Framing.EYES)
    assert HeadShots.load(close).points.std() > 1.5 * HeadShots.load(head).points.std()
    data = LandmarkData(tmp_path / "heads", 1, None, None)

    def train_to(step: int) -> int:
        schedule = LearningRateSchedule(1e-3, warmup=1)
        return train_eyes(data, LoopSettings(tmp_path / "run", schedule, steps=step), 4, 0)

    assert train_to(2) == 2
    assert train_to(3) == 3
    network = read_weights(EyeNet(), tmp_path / "run" / "eyes.safetensors")
    output = network(torch.rand(2, 3, EYE_SIZE, EYE_SIZE))
    assert output.points.shape == (2, len(EYE_ROWS["left"]), 2)
    assert '"steps": 3' in (tmp_path / "run" / "eyes.json").read_text()
