"""Scores give the known answer on curves and pictures whose answer is known."""

import numpy as np
import pytest
import torch

from flowact.evaluation.judges import scores
from flowact.evaluation.judges.readers import SyncNet


def curve(frames: int = 200, seed: int = 0) -> np.ndarray:
    return np.convolve(np.random.default_rng(seed).random(frames), np.ones(4) / 4, mode="same")


def test_a_late_picture_has_a_positive_lag() -> None:
    true = curve()
    found = scores.lip_sync([np.roll(true, 3) * 2 + 1], [true])
    assert found.lag_frames == 3
    assert found.correlation == pytest.approx(1)
    assert scores.lip_sync([np.roll(true, -2)], [true]).lag_frames == -2


def test_takes_are_joined_and_frames_without_truth_left_out() -> None:
    true, other = curve(), curve(seed=3)
    spoilt, holed = true.copy(), true.copy()
    spoilt[50:80], holed[50:80] = 9, np.nan
    found = scores.lip_sync([spoilt, other], [holed, other])
    assert found == scores.LipSync(pytest.approx(1), 0)
    still = scores.lip_sync([true, np.full(200, true.mean())], [true, other])
    assert 0.5 < still.correlation < 0.9


def test_unrelated_and_constant_curves_do_not_correlate() -> None:
    assert abs(scores.correlation(curve(seed=1), curve(seed=2))) < 0.3
    assert scores.correlation(np.zeros(9), curve(9)) == 0
    with pytest.raises(ValueError, match="9 and 8"):
        scores.correlation(np.zeros(9), np.zeros(8))


def test_curves_that_never_overlap_say_nothing() -> None:
    assert scores.lip_sync([curve(3)], [np.full(3, np.nan)]).correlation == 0


def test_closures_are_counted_where_lips_meet() -> None:
    opening = np.full(50, 0.5)
    opening[10:12] = 0.04
    assert scores.closures_shut(opening, [(0.40, 0.46), (1.2, 1.3), (9.0, 9.1)]) == (1, 2)


def test_shares_and_ranges() -> None:
    assert scores.speaking_range(np.full(50, 0.5)) == pytest.approx(0.5)
    assert scores.share_below(np.array([0.0, 0.1, 0.5, 0.6]), 0.1) == 0.5
    assert np.isnan(scores.share_below(np.zeros(0), 0.1))


def test_picture_scores_at_their_limits() -> None:
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255
    assert scores.decibel(25.5**2) == pytest.approx(20)
    assert scores.decibel(0) > 100
    assert scores.ssim_map(noise, noise).mean() == pytest.approx(1)
    assert scores.ssim_map(noise, 255 - noise).mean() < 0
    broken = noise.clone()
    broken[..., :8, :8] = 0
    alike = scores.ssim_map(broken, noise)
    assert alike.shape == (1, 22, 22)
    assert alike[0, 0, 0] < 0.5
    assert alike[0, 15:, 15:].min() == pytest.approx(1)


def test_sharpness_and_colour_react_to_blur_and_tint() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (48, 48, 3)).astype(np.uint8)
    blurred = (frame // 2 + np.roll(frame, 1, 0) // 2).astype(np.uint8)
    assert scores.sharpness(blurred) < 0.8 * scores.sharpness(frame)
    assert scores.colour_distance(frame, frame) == 0
    dark = (frame * 0.5).astype(np.uint8)
    assert scores.colour_distance(dark, frame) == pytest.approx(frame.mean() / 2, rel=0.05)


class OneCode(SyncNet):
    """Sees and hears the same code, so that only the search for the offset is left to be tested."""

    def __init__(self, late: int) -> None:
        super().__init__()
        self.late = late
        self.code = torch.randn(80, 16, generator=torch.Generator().manual_seed(0))

    def video(self, crops: torch.Tensor) -> torch.Tensor:
        return self.code[10 - self.late :][: len(crops)]

    def audio(self, mel: torch.Tensor) -> torch.Tensor:
        return self.code[10:][: len(mel) // 4]


@pytest.mark.parametrize("late", [-4, 0, 3])
def test_the_offset_of_a_late_picture_is_positive(late: int) -> None:
    similar = OneCode(late).offsets(torch.zeros(50, 1), torch.zeros(200, 80))
    assert int(similar.argmax()) - 10 == late
