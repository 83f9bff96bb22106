import numpy as np
import pytest
import torch

from flowact.datagen.performance.animation import look_curves
from flowact.datagen.performance.animation import saccades as rendered_saccades
from flowact.motion.arkit import ARKIT
from flowact.motion.gaze import MAXIMUM_EYE, saccades, turned_eyes
from flowact.motion.joints import JOINTS, joint

MINUTES = 25 * 60 * 4


def degrees(count: int = MINUTES) -> torch.Tensor:
    return saccades(torch.arange(count)).rad2deg()


def test_a_gaze_jumps_as_often_and_as_far_as_in_the_data() -> None:
    truth = np.degrees(rendered_saccades(np.random.default_rng(0), MINUTES, np.radians(1.2)))
    made = degrees().numpy()
    assert made.std(0) == pytest.approx(truth.std(0), rel=0.15)
    jumps = [(np.abs(np.diff(gaze[:, 0])) > 0.5).sum() for gaze in (made, truth)]
    assert jumps[0] == pytest.approx(jumps[1], rel=0.3)


def test_it_rests_between_jumps_and_at_first() -> None:
    still = degrees().diff(dim=0).abs().amax(1) == 0
    assert 0.88 < still.float().mean() < 0.96
    assert not degrees(15).any()


def test_any_frame_is_found_alone() -> None:
    numbers = torch.tensor([[3, 900], [10_000_000, 901]])
    found = saccades(numbers)
    assert found.shape == (2, 2, 2)
    assert torch.equal(found[1, 1], saccades(torch.tensor([901]))[0])
    assert torch.equal(found[0, 1].rad2deg(), degrees(901)[900])


@pytest.mark.parametrize("turn", [(0.1, 0.05), (-0.1, -0.05)])
def test_curves_go_with_the_eyes(turn: tuple[float, float]) -> None:
    before = np.array([[0.04, -0.02]])
    motion = torch.zeros(1, len(ARKIT) + 3 * len(JOINTS))
    motion[:, : len(ARKIT)] = torch.from_numpy(look_curves(before))
    for side in ("left", "right"):
        start = len(ARKIT) + 3 * joint(f"eye_{side}")
        motion[:, start : start + 2] = torch.tensor([-0.02, 0.04])
    turned = turned_eyes(motion, torch.tensor([turn]))
    expected = torch.from_numpy(look_curves(before + np.array([turn]))).float()
    torch.testing.assert_close(turned[:, : len(ARKIT)], expected, atol=1e-6, rtol=0)
    eye = len(ARKIT) + 3 * joint("eye_left")
    torch.testing.assert_close(
        turned[0, eye : eye + 2], torch.tensor([-0.02 + turn[1], 0.04 + turn[0]])
    )
    assert MAXIMUM_EYE[0] > 0.4
