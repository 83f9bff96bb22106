"""Uploaded pictures are cut so that the mouth is where the model expects it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact import assets
from flowact.media.framing import USUAL, find_face
from flowact.media.image import read_reference

NAMES = assets.character_names()


def portrait(name: str) -> Image.Image:
    return Image.open(assets.character(name).portrait).convert("RGB")


def on_a_wall(person: Image.Image, edge: int, at: tuple[int, int]) -> Image.Image:
    """A wide photograph in which the person's picture hangs, `edge` pixels large."""
    wall = Image.new("RGB", (900, 700), "#c9c2b4")
    wall.paste(person.resize((edge, edge), Image.Resampling.LANCZOS), at)
    return wall


@pytest.mark.parametrize("name", NAMES)
def test_every_portrait_has_the_usual_face(name: str) -> None:
    face = find_face(np.asarray(portrait(name)))
    assert face is not None
    assert face.edge == pytest.approx(USUAL.edge, rel=0.08)
    assert face.mouth == pytest.approx(USUAL.mouth, abs=12)


@pytest.mark.parametrize(("edge", "at"), [(240, (40, 30)), (300, (560, 380)), (480, (210, 100))])
def test_a_face_anywhere_in_a_picture_is_put_in_its_place(
    tmp_path: Path, edge: int, at: tuple[int, int]
) -> None:
    on_a_wall(portrait("mira"), edge, at).save(tmp_path / "a.png")
    reference = read_reference(tmp_path / "a.png")
    assert not reference.faceless
    face, own = find_face(reference.pixels), find_face(np.asarray(portrait("mira")))
    assert face is not None and own is not None
    assert face.edge == pytest.approx(own.edge, rel=0.08)
    assert face.mouth == pytest.approx(own.mouth, abs=12)


def test_a_camera_s_picture_is_made_smaller_first(tmp_path: Path) -> None:
    wall = on_a_wall(portrait("mira"), 480, (210, 100))
    wall.resize((5400, 4200)).save(tmp_path / "large.jpg", quality=95)
    wall.save(tmp_path / "small.png")
    large, small = (read_reference(tmp_path / n).pixels for n in ("large.jpg", "small.png"))
    assert np.abs(large.astype(int) - small).mean() < 6


def test_beyond_the_rim_of_a_close_up_the_picture_goes_on(tmp_path: Path) -> None:
    close = portrait("mira").crop((130, 60, 350, 280))
    close.save(tmp_path / "a.png")
    face = find_face(read_reference(tmp_path / "a.png").pixels)
    assert face is not None
    # 1.3 times the picture is shown; the mouth is still where it should be.
    assert face.edge == pytest.approx(480 * 163 / 220 / 1.3, rel=0.1)
    assert face.mouth == pytest.approx(USUAL.mouth, abs=25)


def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path: Path) -> None:
    moved = Image.new("RGB", (480, 480), "white")
    moved.paste(portrait("mira"), (90, 60))
    moved.save(tmp_path / "a.png")
    reference = read_reference(tmp_path / "a.png")
    assert np.array_equal(reference.pixels, np.asarray(moved))
    assert not reference.faceless


def test_without_a_face_the_centre_is_taken(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 500, 3), "u1")
    Image.fromarray(noise).save(tmp_path / "a.png")
    reference = read_reference(tmp_path / "a.png")
    assert reference.faceless
    centre = Image.fromarray(noise[:, 100:400]).resize((480, 480), Image.Resampling.LANCZOS)
    difference = np.abs(reference.pixels.astype(int) - np.asarray(centre, int))
    assert difference[8:-8, 8:-8].max() <= 2  # at the rim one knows its neighbours, the other not
