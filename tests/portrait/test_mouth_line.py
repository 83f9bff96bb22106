import numpy as np
import pytest

from flowact import assets
from flowact.motion.face_points import MOUTH, POINT
from flowact.portrait import load_reference
from flowact.portrait.faces import find_face_near
from flowact.portrait.mouth_line import with_seen_lips
from flowact.portrait.points import USUAL_PLACE

NAMES = ("mira", "marcus", "sofia", "walter", "kenji", "zuri")
MIDDLE = [POINT["inner_upper"], POINT["inner_lower"]]


def portrait(name: str) -> tuple[np.ndarray, np.ndarray]:
    """A portrait and its landmarks as the network finds them."""
    picture = np.ascontiguousarray(load_reference(assets.character(name).portrait))
    face = find_face_near(picture, USUAL_PLACE)
    assert face is not None
    return picture, np.asarray(face.points, np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_lips_that_were_found_stay_where_they_are(name):
    picture, points = portrait(name)
    assert np.array_equal(with_seen_lips(picture, points), points)


@pytest.mark.parametrize("name", NAMES[:3])
@pytest.mark.parametrize("pixels", [6.0, 9.0])
def test_lips_below_the_line_between_them_come_back_to_it(name, pixels):
    picture, points = portrait(name)
    astray = points.copy()
    astray[list(MOUTH), 1] += pixels
    seen = with_seen_lips(picture, astray)
    assert abs(seen[MIDDLE, 1] - points[MIDDLE, 1]).max() < 3
    others = np.setdiff1d(np.arange(len(points)), MOUTH)
    assert np.array_equal(seen[others], points[others])


def test_lips_part_in_the_dark_line_and_not_where_the_lower_one_is_lightest():
    _, points = portrait("mira")
    line = round(float(points[MIDDLE, 1].mean()))
    picture = np.full((480, 480, 3), 90, np.uint8)
    picture[line] = 30
    picture[line + 1 : line + 9] = np.linspace(110, 230, 8)[:, None, None]
    picture[line + 9 :] = 60
    astray = points.copy()
    astray[list(MOUTH), 1] += 6
    seen = with_seen_lips(picture, astray)[MIDDLE, 1].mean()
    assert abs(seen - (line + 0.5)) < 0.8


def test_a_lower_lip_ends_where_it_grows_dark():
    picture, points = portrait("mira")
    astray = points.copy()
    astray[list(MOUTH), 1] += 7
    row = POINT["lip_lower"]
    astray[row, 1] += 12
    seen = with_seen_lips(picture, astray)
    assert seen[row, 1] < astray[row, 1] - 12
    assert seen[row, 1] > seen[MIDDLE, 1].max()


def test_teeth_are_no_line_between_lips():
    picture, points = portrait("mira")
    parted = points.copy()
    parted[
        [
            POINT["inner_lower"],
            *(POINT[f"inner_lower_{n}_{s}"] for n in (1, 2) for s in ("left", "right")),
        ],
        1,
    ] += 20
    parted[list(MOUTH), 1] += 6
    assert np.array_equal(with_seen_lips(picture, parted), parted)
