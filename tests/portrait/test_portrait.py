"""A portrait is looked at once: its face is found, levelled and put in its place, and its flaws are said."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact import assets
from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Body, Humanoid
from flowact.datagen.head_shots import shoot_person
from flowact.datagen.named_characters import named_characters
from flowact.datagen.render import Scene
from flowact.errors import UserError
from flowact.motion.arkit import ARKIT, columns
from flowact.motion.face_points import POINT, STEADY
from flowact.motion.joints import joint
from flowact.portrait import Portrait, load_reference, look_at_portrait, read_portrait
from flowact.portrait.align import USUAL, cut
from flowact.portrait.faces import find_faces

NAMES = assets.drawn_character_names()


def portrait(name: str) -> Image.Image:
    return Image.open(assets.character(name).portrait).convert("RGB")


def on_a_wall(person: Image.Image, edge: int, at: tuple[int, int]) -> Image.Image:
    """A wide photograph in which the person's picture hangs, `edge` pixels large."""
    wall = Image.new("RGB", (900, 700), "#c9c2b4")
    wall.paste(person.resize((edge, edge), Image.Resampling.LANCZOS), at)
    return wall


def look(picture: Image.Image) -> Portrait:
    return look_at_portrait(np.asarray(picture))


def away(found: Portrait) -> float:
    """Mean distance in pixels of the face that is seen in the result from where it should be."""
    face = find_faces(found.pixels)[0]
    return float(np.linalg.norm(face.points[list(STEADY)] - USUAL, axis=1).mean())


@cache
def scene() -> Scene:
    return Scene(Actor(named_characters()["mira"], Humanoid.load()))


def acted(curves: dict[str, float] | None = None, yaw: float = 0.0) -> Image.Image:
    """Mira with some face curves and a turned head (degrees), of a size that is not taken as it is."""
    values = np.zeros(len(ARKIT), np.float32)
    for name, value in (curves or {}).items():
        values[list(columns(name))] = value
    pose = Body.rest_pose()
    pose[joint("neck"), 1] = pose[joint("head"), 1] = np.radians(yaw) / 2
    return Image.fromarray(scene().render(values, pose).picture).resize((560, 560))


def test_landmarks_of_strangers_are_where_the_mesh_is() -> None:
    errors = []
    for seed in (3001, 3002, 3003):
        shots = shoot_person("heldout", seed, views=6)
        for row in np.flatnonzero(np.abs(shots.pose).max(1) < 35):
            clear = 1 - shots.pictures[row, ..., 3:] / 255
            picture = shots.pictures[row, ..., :3] + (clear * [120, 140, 150]).astype(np.uint8)
            faces = find_faces(np.asarray(Image.fromarray(picture).resize((576, 576))))
            assert len(faces) == 1
            true = shots.points[row] * 3
            eyes = true[POINT["eye_corner_outer_left"]] - true[POINT["eye_corner_outer_right"]]
            off = np.linalg.norm(faces[0].points - true, axis=1).mean()
            errors.append(off / np.linalg.norm(eyes))
    assert len(errors) > 6
    assert np.median(errors) < 0.06


@pytest.mark.parametrize("name", NAMES)
def test_the_named_portraits_are_taken_as_they_are_without_a_word(name: str) -> None:
    found = read_portrait(assets.character(name).portrait)
    assert np.array_equal(found.pixels, np.asarray(portrait(name)))
    assert np.array_equal(load_reference(assets.character(name).portrait), found.pixels)
    assert found.notices == ()


@pytest.mark.parametrize(("edge", "at"), [(240, (40, 30)), (300, (560, 380)), (480, (210, 100))])
def test_a_face_anywhere_in_a_picture_is_put_in_its_place(edge: int, at: tuple[int, int]) -> None:
    assert away(look(on_a_wall(portrait("mira"), edge, at))) < 6


def test_a_tilted_head_is_levelled() -> None:
    tilted = on_a_wall(portrait("theo"), 480, (210, 100)).rotate(18, fillcolor="#c9c2b4")
    found = look(tilted)
    assert found.face is not None
    assert found.face.pose[2] == pytest.approx(-18, abs=6)
    assert away(found) < 6


def test_a_camera_s_picture_is_made_smaller_first(tmp_path: Path) -> None:
    wall = on_a_wall(portrait("mira"), 480, (210, 100))
    wall.resize((5400, 4200)).save(tmp_path / "large.jpg", quality=95)
    wall.save(tmp_path / "small.png")
    large, small = (load_reference(tmp_path / n) for n in ("large.jpg", "small.png"))
    assert np.abs(large.astype(int) - small).mean() < 8


def test_beyond_the_rim_of_a_close_up_the_picture_goes_on() -> None:
    found = look(portrait("mira").crop((150, 80, 330, 260)).resize((540, 540)))
    assert found.pixels.min(2).max() > 0  # nothing is black
    assert away(found) < 14


def test_hair_at_the_upper_rim_does_not_go_on_as_stripes_and_what_is_made_up_is_said() -> None:
    found = look(portrait("mira").crop((70, 100, 410, 440)).resize((680, 680)))
    assert "made up" in " ".join(found.notices)
    grey = found.pixels.astype(np.float32).mean(2)
    assert np.abs(np.diff(grey[1])).max() < 4, "the first row is smooth"


def test_below_the_rim_clothes_go_on_with_their_edge_and_without_a_neck() -> None:
    picture = np.full((480, 480, 3), 90, np.uint8)
    picture[300:, 80:400] = 230
    picture[:, 200:280] = (180, 130, 100)
    last = cut(picture, np.array([[1.0, 0, 0], [0, 1, -120]]))[-1].astype(int)
    assert (last[160:320] > 200).all(), "the neck does not reach down to the frame's edge"
    assert (last[:55] < 110).all()
    assert (last[105:375] > 200).all(), "nor are clothes a haze"


def test_a_narrow_strip_beyond_the_rim_is_the_picture_s_mirror_image() -> None:
    coarse = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((480, 480), Image.Resampling.BICUBIC))
    down = np.array([[1.0, 0, 0], [0, 1, 20]])  # 20 rows of the frame lie above the picture
    made = cut(picture, down).astype(int)
    assert np.abs(made[:20] - made[20:40][::-1]).mean() < 4
    assert np.abs(made[:20] - made[20]).mean() > 12, "not its first row, drawn out"


def test_of_several_faces_the_largest_is_taken_and_it_is_said() -> None:
    wall = on_a_wall(portrait("mira"), 420, (20, 200))
    wall.paste(portrait("theo").resize((260, 260)), (580, 60))
    found = look(wall)
    assert "2 faces" in found.notices[0]
    alone = look(on_a_wall(portrait("mira"), 420, (20, 200)))
    assert (
        np.abs(found.pixels[100:300, 160:320].astype(int) - alone.pixels[100:300, 160:320]).mean()
        < 8
    )


def test_a_picture_of_the_right_size_is_taken_as_it_is_and_its_face_is_said_to_be_elsewhere() -> (
    None
):
    moved = Image.new("RGB", (480, 480), "white")
    moved.paste(portrait("mira"), (90, 60))
    found = look(moved)
    assert np.array_equal(found.pixels, np.asarray(moved))
    assert "taken as it is" in found.notices[0]


@pytest.mark.parametrize(
    ("size", "said"), [((500, 300), "centre is taken"), ((480, 480), "as it is")]
)
def test_without_a_face_the_centre_is_taken_and_it_is_said(
    size: tuple[int, int], said: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), "u1")
    found = look(Image.fromarray(noise))
    assert found.face is None
    assert said in found.notices[0] and "would be better" in found.notices[0]
    if said == "as it is":
        assert np.array_equal(found.pixels, noise)


@pytest.mark.parametrize(
    ("curves", "yaw", "said"),
    [
        ({}, 0, ""),
        ({"eyeBlink": 1.0}, 0, "eyes are shut"),
        ({"eyeSquint": 0.7, "eyeBlink": 0.2}, 0, ""),
        ({"jawOpen": 0.7}, 0, "mouth is open"),
        ({}, 34, "degrees to the side"),
    ],
)
def test_flaws_are_said(curves: dict[str, float], yaw: float, said: str) -> None:
    notices = look(acted(curves, yaw)).notices
    assert not notices if not said else any(said in notice for notice in notices)


def test_a_dark_and_a_small_face_are_said() -> None:
    dark = acted().point(lambda value: value // 7)
    assert any("hardly lit" in notice for notice in look(dark).notices)
    small = on_a_wall(portrait("mira"), 200, (300, 200))
    assert any("pixels wide" in notice for notice in look(small).notices)


def test_a_cut_off_face_is_said() -> None:
    found = look(portrait("mira").crop((0, 130, 480, 480)).resize((960, 700)))
    assert any("cuts the face off at the top" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (lambda: on_a_wall(portrait("mira"), 240, (300, 200)).resize((300, 233)), "pixels wide"),
        (lambda: acted(yaw=68), "turned"),
    ],
)
def test_what_cannot_work_is_refused_in_one_sentence(picture: object, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        look(picture())  # type: ignore[operator]
    assert "needed" in str(caught.value)


@pytest.mark.parametrize("name", ["cartoon", "charcoal", "ink", "smiley"])
def test_drawings_have_faces_too(name: str) -> None:
    found = read_portrait(assets.folder() / "evaluation" / "pictures" / f"{name}.jpg")
    assert found.face is not None
    left, right = (found.face.points[POINT[f"eye_pupil_{side}"]] for side in ("left", "right"))
    assert left[0] > right[0]
