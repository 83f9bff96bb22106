"""A bright spot becomes the key light, and the rest shines from where it stands."""

from pathlib import Path

import numpy as np
import pytest

from flowact.datagen.graphics import layout
from flowact.datagen.photographic.light import (
    Surroundings,
    basis,
    directions,
    harmonics,
    light_by,
    split_key,
)
from flowact.datagen.photographic.sources.library import Library

HEIGHT, WIDTH = 64, 128
UP, LEFT = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])


def lamp(azimuth: float, elevation: float, strength: float = 200.0) -> np.ndarray:
    """Grey surroundings with one bright patch; degrees, positive from the person's left."""
    a, e = np.radians((azimuth, elevation))
    at = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    place = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    place[directions(HEIGHT, WIDTH) @ at > np.cos(np.radians(8))] = strength
    return place


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "light").mkdir()
    (tmp_path / "sources.json").write_text("{}")
    np.save(tmp_path / "light" / "lamp.npy", lamp(-100, 35).astype(np.float16))
    return Library(tmp_path)


def test_uniform_light_shines_on_everything_alike() -> None:
    coefficients = harmonics(np.full((HEIGHT, WIDTH, 3), 0.7, np.float32))
    normals = np.random.default_rng(0).standard_normal((20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert basis(normals) @ coefficients == pytest.approx(0.7, rel=1e-2)


def test_a_bright_sky_lights_what_faces_up() -> None:
    place = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    place[: HEIGHT // 2] = 1.0
    coefficients = harmonics(place)
    assert (basis(UP) @ coefficients)[0] == pytest.approx(1.0, abs=0.07)
    assert (basis(-UP) @ coefficients)[0] == pytest.approx(0.0, abs=0.07)
    assert (basis(LEFT) @ coefficients)[0] == pytest.approx(0.5, abs=0.02)


def test_the_lamp_is_the_key_and_the_rest_is_without_it() -> None:
    towards, key, rest = split_key(lamp(60, 30))
    assert np.degrees(np.arctan2(towards[0], towards[2])) == pytest.approx(60, abs=2)
    assert np.degrees(np.arcsin(towards[1])) == pytest.approx(30, abs=2)
    cap = 2 * (1 - np.cos(np.radians(8)))  # solid angle of the patch over pi
    assert key == pytest.approx(cap * 199.5, rel=0.1)
    assert rest.max() == pytest.approx(0.5)


def test_the_place_is_turned_so_that_its_light_comes_from_there(library: Library) -> None:
    lit = light_by(Surroundings("light/lamp", 45.0, 1.0, 60.0, 0.01), library, 48)
    key = lit.lights[layout.KEY]
    assert np.degrees(np.arctan2(key[0], key[2])) == pytest.approx(45, abs=3)
    assert lit.lights.shape == (layout.LIGHTS, 3)
    assert lit.background.shape == (48, 48, 3)


def test_exposure_sets_how_bright_a_face_is(library: Library) -> None:
    face = np.array([0.0, 0.2, 0.98])
    for exposure in (0.7, 1.4):
        lights = light_by(
            Surroundings("light/lamp", -30.0, exposure, 60.0, 0.01), library, 16
        ).lights
        direct = max(0.4, face @ lights[layout.KEY]) * lights[layout.KEY_COLOUR]
        around = basis(face) @ lights[layout.HARMONICS :]
        assert (direct + around)[1] == pytest.approx(exposure, rel=0.05)


def test_a_lamp_overhead_is_lowered_out_of_the_sockets(library: Library) -> None:
    np.save(library.folder / "light" / "ceiling.npy", lamp(0, 85).astype(np.float16))
    lit = light_by(Surroundings("light/ceiling", 20.0, 1.0, 60.0, 0.01), library, 16)
    assert np.degrees(np.arcsin(lit.lights[layout.KEY, 1])) <= 60.5


def test_the_background_shows_what_stands_behind(library: Library) -> None:
    behind = lamp(180, 0) + lamp(-180, 0)
    np.save(library.folder / "light" / "behind.npy", behind.astype(np.float16))
    lit = light_by(Surroundings("light/behind", 180.0, 1.0, 60.0, 0.005), library, 60)
    assert lit.background[30, 30].mean() > 2 * lit.background[4, 4].mean()
