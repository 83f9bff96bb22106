import pytest
import torch

from flowact.tokenizer.code import LinearMotionCodec


@pytest.fixture
def code() -> LinearMotionCodec:
    made = LinearMotionCodec("face", 106)
    deviation = torch.rand(106) + 0.1
    deviation[[3, 50]] = 0
    made.adopt(torch.randn(106), deviation)
    return made


def test_reading_undoes_writing(code) -> None:
    motion = torch.randn(2, 12, 106).clamp(-4, 4)
    z = code.motion_to_latents(motion)
    assert z.shape == (2, 3, 16, 8, 8)
    back = torch.stack([code.latents_to_motion(z[:, i]) for i in range(3)], 1).flatten(1, 2)
    torch.testing.assert_close(back, motion, atol=1e-4, rtol=1e-4)


def test_latents_of_lively_motion_have_unit_variance(code) -> None:
    motion = torch.randn(64, 40, 106)
    motion[..., code.deviation == 0] = 0
    assert code.motion_to_latents(motion).std().item() == pytest.approx(1, abs=0.02)


def test_noise_disturbs_all_channels_alike(code) -> None:
    torch.manual_seed(0)
    error = code.latents_to_motion(torch.randn(4000, 16, 8, 8)).square().mean(0)
    assert error.max() / error.min() < 1.3


def test_the_weight_is_the_map(code) -> None:
    motion = torch.zeros(1, 4, 106)
    motion[0, 2, 7] = 1
    torch.testing.assert_close(code.motion_to_latents(motion)[0, 0], code.weight[2, 7])


def test_units_there_and_back(code) -> None:
    values = code.mean + code.deviation * torch.randn(5, 106).clamp(-3, 3)
    torch.testing.assert_close(code.restore(code.normalise(values)), values, atol=1e-5, rtol=1e-5)
    moved = values.clone()
    moved[:, 3] += 9
    assert torch.equal(code.normalise(moved)[:, 3], torch.zeros(5))
    assert code.normalise(values + 100 * code.deviation).max() == 4


def test_views_spread_motion_differently_and_always_alike() -> None:
    assert torch.equal(LinearMotionCodec("face", 9).basis, LinearMotionCodec("face", 9).basis)
    assert not torch.equal(LinearMotionCodec("face", 9).basis, LinearMotionCodec("whole", 9).basis)
    with pytest.raises(ValueError, match="cannot hold"):
        LinearMotionCodec("face", 400)
