"""A turned crop shows what its corners say, and its points come back to the picture's."""

import math

import cv2
import numpy as np
import pytest

from flowact.evaluation.judges.landmarks.crops import CropRegion, turn


def dot(x: int, y: int) -> np.ndarray:
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    return picture


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2, math.pi])
def test_a_point_of_the_crop_is_the_same_point_of_the_picture(angle: float) -> None:
    region = CropRegion(150, 100, 120, 80, angle)
    crop = region.cut(dot(140, 110), 64, cv2.BORDER_CONSTANT)
    assert crop.min() >= 0 and crop.max() == pytest.approx(1, abs=0.02)
    weight = crop[..., 0] / crop[..., 0].sum()
    y, x = (float((weight * grid).sum()) for grid in np.mgrid[0:64, 0:64])
    assert region.place(np.array([x, y]) / 64) == pytest.approx([140, 110], abs=0.5)


def test_beyond_the_picture_is_black_or_the_rim() -> None:
    white = np.full((40, 40, 3), 255, np.uint8)
    region = CropRegion.whole(white).grown(2)
    assert region.cut(white, 8, cv2.BORDER_CONSTANT)[0].max() == 0
    assert region.cut(white, 8, cv2.BORDER_REPLICATE).min() == 1


def test_a_square_grows_along_its_own_axis() -> None:
    grown = CropRegion(100, 100, 10, 20, math.pi / 2).grown(2, up=0.5)
    assert (grown.width, grown.height) == (40, 40)
    assert (grown.x, grown.y) == pytest.approx((110, 100))


def test_the_turn_brings_a_direction_upright() -> None:
    eyes = np.array([10.0, 50]), np.array([60.0, 50])
    assert turn(*eyes, 0.0) == 0
    assert turn(eyes[1], eyes[0], 0.0) == pytest.approx(-math.pi)
    assert turn(np.array([5.0, 5]), np.array([5.0, 0]), math.pi / 2) == pytest.approx(0)
    assert turn(np.array([0.0, 0]), np.array([5.0, 5]), 0.0) == pytest.approx(math.pi / 4)
