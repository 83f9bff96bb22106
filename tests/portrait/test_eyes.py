"""A closer look brings the points of eyes to where they are."""

from pathlib import Path

import numpy as np
import pytest

from flowact.datagen.head_shots import Framing, HeadShots, shoot_person
from flowact.errors import UserError
from flowact.motion.face_points import EYES, MIRROR
from flowact.portrait.eye_network import EYE_ROWS, EyeNet
from flowact.portrait.eyes import with_seen_eyes
from flowact.portrait.weights import read_weights

FAR_OFF = 2.5
"""Pixels by which the points of an eye that is 40 pixels wide are put away."""


@pytest.fixture(scope="module")
def shots() -> HeadShots:
    return shoot_person("heldout", 2003, views=6, framing=Framing.EYES)


def facing(shots: HeadShots) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures and points of those that look at the camera."""
    rows = np.flatnonzero(np.abs(shots.pose[:, 0]) < 25)
    return [(np.ascontiguousarray(shots.pictures[r, ..., :3]), shots.points[r]) for r in rows]


def away(points: np.ndarray, true: np.ndarray) -> float:
    """Mean distance of the points of the eyes from where they are."""
    return float(np.linalg.norm((points - true)[list(EYES)], axis=1).mean())


def test_points_that_are_off_come_nearer_and_all_others_stay(shots: HeadShots) -> None:
    pictures = facing(shots)
    assert len(pictures) > 1
    others = sorted(set(range(len(MIRROR))) - set(EYES))
    for picture, true in pictures:
        for shift in ((FAR_OFF, FAR_OFF), (-FAR_OFF, FAR_OFF), (0.0, -FAR_OFF)):
            given = (true + shift).astype(np.float32)
            seen = with_seen_eyes(picture, given)
            assert away(seen, true) < 0.75 * away(given, true)
            assert (seen[others] == given[others]).all()


def test_a_mirrored_picture_has_mirrored_eyes(shots: HeadShots) -> None:
    picture, true = facing(shots)[0]
    mirrored = np.ascontiguousarray(picture[:, ::-1])
    turned = true[list(MIRROR)] * [-1, 1] + [picture.shape[1], 0]
    seen, other = with_seen_eyes(picture, true), with_seen_eyes(mirrored, turned)
    back = other[list(MIRROR)] * [-1, 1] + [picture.shape[1], 0]
    assert away(back, seen) < 0.3


def test_eyes_that_cannot_be_seen_stay_where_they_were(shots: HeadShots) -> None:
    _, true = facing(shots)[0]
    grey = np.full((192, 192, 3), 128, np.uint8)
    assert (with_seen_eyes(grey, true) == true).all()
    small = (true / 10).astype(np.float32)
    assert (with_seen_eyes(grey, small) == small).all()


def test_both_sides_have_their_points_in_one_order() -> None:
    assert [MIRROR[row] for row in EYE_ROWS["left"]] == list(EYE_ROWS["right"])


def test_missing_and_damaged_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is missing; it comes with the repository"):
        read_weights(EyeNet(), tmp_path / "eyes.safetensors")
    (tmp_path / "eyes.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is damaged or of another version"):
        read_weights(EyeNet(), tmp_path / "eyes.safetensors")
