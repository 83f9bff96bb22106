"""A camera changes colours and sharpness alike in every picture of a clip; only its noise differs."""

from dataclasses import replace

import numpy as np
import pytest

from flowact.datagen.photographic.exposure import STYLES, Exposure


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    ramp = np.linspace(20, 230, 96).astype(np.uint8)
    return np.stack([ramp[None] + 0 * ramp[:, None], ramp[:, None] + 0 * ramp[None], np.full((96, 96), 90)], -1).astype(
        np.uint8
    )  # fmt: skip


def develop(exposure: Exposure, picture: np.ndarray, seed: int = 0) -> np.ndarray:
    return exposure.develop(picture, np.random.default_rng(seed)).astype(int)


def test_the_plain_camera_changes_next_to_nothing(picture: np.ndarray) -> None:
    assert np.abs(develop(Exposure(), picture) - picture).max() <= 8  # highlights roll off


def test_only_the_noise_is_drawn_for_every_picture(picture: np.ndarray) -> None:
    noisy = Exposure(noise=4.0, grain=0.6, blur=0.7, vignette=0.3)
    first, again, other = (develop(noisy, picture, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert 2 < (first - other).std() < 9
    still = replace(noisy, noise=0.0)
    assert np.array_equal(develop(still, picture, 1), develop(still, picture, 2))


def test_white_balance_moves_channels_apart(picture: np.ndarray) -> None:
    warm = develop(Exposure(gains=(1.2, 1.0, 0.8)), picture) - develop(Exposure(), picture)
    assert warm[..., 0].mean() > 3
    assert warm[..., 2].mean() < -3
    assert abs(warm[..., 1].mean()) < 0.5


def test_blur_softens_and_sharpening_hardens_an_edge() -> None:
    edge = np.zeros((64, 64, 3), np.uint8) + 60
    edge[:, 32:] = 180
    steps = {
        name: np.abs(np.diff(develop(camera, edge)[32, :, 0])).max()
        for name, camera in {
            "plain": Exposure(),
            "blurred": Exposure(blur=1.5),
            "sharpened": Exposure(sharpen=0.8),
        }.items()
    }
    assert steps["blurred"] < 0.5 * steps["plain"]
    assert steps["sharpened"] > 1.1 * steps["plain"]


def test_a_vignette_darkens_corners_and_not_the_middle(picture: np.ndarray) -> None:
    change = develop(Exposure(vignette=0.4), picture) - develop(Exposure(), picture)
    assert abs(change[48, 48]).max() <= 1
    assert change[0, 0].mean() < -3


def test_strong_compression_shows_its_blocks() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 1)).astype(np.uint8)
    noise = noise.repeat(3, axis=-1)  # grey: colours are halved in resolution at any quality
    good, bad = (
        np.abs(develop(Exposure(quality=q), noise) - noise.astype(int)).mean() for q in (95, 30)
    )
    assert bad > 2 * good


def test_monochrome_and_sepia_have_one_hue(picture: np.ndarray) -> None:
    grey = develop(Exposure(style="monochrome"), picture)
    assert np.ptp(grey, axis=-1).max() <= 1
    brown = develop(Exposure(style="sepia"), picture)
    assert (brown[..., 0] >= brown[..., 2]).all()


def test_a_painting_flattens_fine_texture_and_keeps_large_shapes(picture: np.ndarray) -> None:
    rough = picture.astype(int) + np.random.default_rng(0).integers(-12, 13, (96, 96, 1))
    rough = np.clip(rough, 0, 255).astype(np.uint8)
    painted = develop(Exposure(style="painting"), rough)
    assert np.abs(painted - picture).mean() < 8
    assert np.diff(painted, 2, axis=0).std() < 0.6 * np.diff(rough.astype(int), 2, axis=0).std()


def test_random_cameras_repeat_and_cover_all_styles() -> None:
    drawn = [Exposure.random(np.random.default_rng(seed)) for seed in range(150)]
    assert drawn[3] == Exposure.random(np.random.default_rng(3))
    assert {e.style for e in drawn} == set(STYLES)
    assert 0.3 < np.mean([e.quality > 0 for e in drawn]) < 0.9
