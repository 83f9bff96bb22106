"""The landmark network learns from head shots whose points are exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flowact.datagen import head_shots
from flowact.datagen.head_shots import HeadShots, shoot_people, shoot_person
from flowact.motion.face_points import MIRROR, POINT
from flowact.portrait.network import CELLS, INPUT_SIZE, LandmarkNet
from flowact.portrait.weights import read_weights
from flowact.training.landmarks import backgrounds, stage, train
from flowact.training.landmarks.backgrounds import Backgrounds
from flowact.training.landmarks.losses import cell_loss
from flowact.training.landmarks.train import LandmarkData, train_landmarks
from flowact.training.landmarks.windows import People
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import LoopSettings


@pytest.fixture(scope="module")
def shots() -> HeadShots:
    return shoot_person("heldout", 2001, views=4)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few of everything."""
    monkeypatch.setattr(backgrounds, "STORE", 4)
    monkeypatch.setattr(train, "HELD_OUT_PEOPLE", 1)
    monkeypatch.setattr(stage, "HELD_OUT_WINDOWS", 8)


def test_points_lie_on_the_person(shots: HeadShots) -> None:
    rows = np.round(shots.points).astype(int).clip(0, head_shots.SIZE - 1)
    covered = [shots.pictures[i, y, x, 3] > 0 for i in range(4) for x, y in rows[i]]
    assert np.mean(covered) > 0.97
    left, right = (
        shots.points[:, POINT["eye_pupil_left"]],
        shots.points[:, POINT["eye_pupil_right"]],
    )
    facing = np.abs(shots.pose[:, 0]) < 40
    assert (left[facing, 0] > right[facing, 0]).all()  # the person's left is on the right


def test_a_mirrored_mirror_image_is_the_face() -> None:
    assert [MIRROR[row] for row in MIRROR] == list(range(len(MIRROR)))


@pytest.mark.usefixtures("small")
def test_windows_carry_their_points_along(shots: HeadShots) -> None:
    """A head shot of one colour but for a white disc at the nose: wherever the window puts it, there is the point."""
    marked = shots.pictures.copy()
    marked[..., :3], marked[..., 3] = 20, 255
    nose = POINT["nose_tip"]
    yy, xx = np.mgrid[: head_shots.SIZE, : head_shots.SIZE] + 0.5
    for picture, point in zip(marked, shots.points, strict=True):
        picture[np.hypot(xx - point[nose, 0], yy - point[nose, 1]) < 4, :3] = 255
    people = People(
        [HeadShots(marked, shots.points, shots.pose, shots.eyes, shots.mouth)],
        Backgrounds(None, INPUT_SIZE),
    )
    rng = np.random.default_rng(1)
    near = 0
    for window in (people.window(rng) for _ in range(60)):
        at = (window.points[nose] + 1) * (INPUT_SIZE / 2)
        if window.face and (at > 4).all() and (at < INPUT_SIZE - 5).all():
            x, y = at.astype(int)
            here = window.picture[y - 1 : y + 2, x - 1 : x + 2].mean()
            near += here > np.median(window.picture) + 10
    assert near > 20


def test_the_cells_around_a_point_are_the_best_heat_map() -> None:
    point = torch.tensor([[[0.31, -0.42]]])
    place = (point + 1) * (CELLS / 2) - 0.5
    x, y = place[0, 0].tolist()
    heat = torch.full((CELLS, CELLS), 1e-9)
    for row in (int(y), int(y) + 1):
        for column in (int(x), int(x) + 1):
            heat[row, column] = (1 - abs(x - column)) * (1 - abs(y - row))
    best = cell_loss(heat.log().view(1, 1, -1), point, CELLS)
    for _ in range(20):
        other = cell_loss(
            (heat.log() + 0.3 * torch.randn(CELLS, CELLS)).view(1, 1, -1), point, CELLS
        )
        assert other > best


@pytest.mark.usefixtures("small")
def test_training_writes_a_network_and_goes_on(tmp_path: Path) -> None:
    shoot_people(tmp_path / "heads", "train", 1)
    data = LandmarkData(tmp_path / "heads", 1, None, None)

    def train_to(step: int) -> int:
        schedule = LearningRateSchedule(1e-3, warmup=1)
        return train_landmarks(data, LoopSettings(tmp_path / "run", schedule, steps=step), 4, 0)

    assert train_to(2) == 2
    assert train_to(3) == 3
    network = read_weights(LandmarkNet(), tmp_path / "run" / "landmarks.safetensors")
    output = network(torch.rand(2, 3, INPUT_SIZE, INPUT_SIZE))
    assert output.points.shape == (2, len(MIRROR), 2)
    assert '"steps": 3' in (tmp_path / "run" / "landmarks.json").read_text()
