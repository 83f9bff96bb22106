"""Scores give the known answer on curves and pictures whose answer is known."""

import numpy as np
import pytest
import torch

from flowact.evaluation import scores


def curve(frames: int = 200, seed: int = 0) -> np.ndarray:
    return np.convolve(np.random.default_rng(seed).random(frames), np.ones(4) / 4, mode="same")


def test_a_late_picture_has_a_positive_lag() -> None:
    true = curve()
    found = scores.lip_sync(np.roll(true, 3) * 2 + 1, true)
    assert found.lag_frames == 3
    assert found.correlation == pytest.approx(1)
    assert scores.lip_sync(np.roll(true, -2), true).lag_frames == -2


def test_unrelated_and_constant_curves_do_not_correlate() -> None:
    assert abs(scores.correlation(curve(seed=1), curve(seed=2))) < 0.3
    assert scores.correlation(np.zeros(9), curve(9)) == 0
    with pytest.raises(ValueError, match="9 and 8"):
        scores.correlation(np.zeros(9), np.zeros(8))


def test_closures_and_silence_are_counted_against_the_speaking_range() -> None:
    opening = np.full(50, 0.5)
    opening[10:12] = 0.01
    reach = scores.speaking_range(opening)
    assert reach == pytest.approx(0.5)
    assert scores.closures_shut(opening, [(0.40, 0.46), (1.2, 1.3), (9.0, 9.1)], reach) == (1, 2)
    silent = np.zeros(50, bool)
    silent[8:12] = True
    assert scores.silent_shut(opening, silent, reach) == 0.5
    assert np.isnan(scores.silent_shut(opening, np.zeros(50, bool), reach))


def test_picture_scores_at_their_limits() -> None:
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    assert scores.psnr(noise, noise + 25.5) == pytest.approx(20, abs=1e-3)
    assert scores.ssim(noise, noise) == pytest.approx(1)
    assert scores.ssim(noise, 255 - noise) < 0


def test_sharpness_and_colour_react_to_blur_and_tint() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (48, 48, 3)).astype(np.uint8)
    blurred = (frame // 2 + np.roll(frame, 1, 0) // 2).astype(np.uint8)
    assert scores.sharpness(blurred) < 0.8 * scores.sharpness(frame)
    assert scores.colour_distance(frame, frame) == 0
    dark = (frame * 0.5).astype(np.uint8)
    assert scores.colour_distance(dark, frame) == pytest.approx(frame.mean() / 2, rel=0.05)
