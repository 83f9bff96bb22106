import pytest
import torch

from flowact.streaming.schedule import diagonal, shifted
from flowact.training.transformer.flow_matching import (
    LevelSettings,
    VelocityLoss,
    draw_levels,
    draw_memory_levels,
    interpolate,
)
from flowact.training.transformer.latent_probe import LatentProbe, curve_index

COUNT = 4000


def test_latents_of_a_chunk_share_a_level() -> None:
    levels = draw_levels(COUNT, 9, LevelSettings())
    chunks = levels.view(COUNT, 3, 3)
    assert torch.equal(chunks, chunks[..., :1].expand_as(chunks))
    assert levels.min() >= 0.05
    assert levels.max() <= 1


def test_a_short_stream_is_part_of_a_chunk() -> None:
    levels = draw_levels(COUNT, 2, LevelSettings())
    assert levels.shape == (COUNT, 2)
    assert torch.equal(levels[:, 0], levels[:, 1])


def test_staggered_levels_are_those_of_the_denoising_stream() -> None:
    settings = LevelSettings(diagonal=1.0, warm_up=0.0, shift=1.0)
    levels = draw_levels(COUNT, 9, settings)[:, ::3]
    inside = levels[:, 0] > 0.05
    torch.testing.assert_close(
        levels[inside].diff(dim=1), torch.full_like(levels[inside][:, 1:], 1 / 3)
    )
    assert levels[:, 0].max() < 1 / 3 + 1e-6 <= levels[:, 2].max()


def test_a_starting_stream_is_partly_pure_noise() -> None:
    levels = draw_levels(COUNT, 9, LevelSettings(diagonal=1.0, warm_up=1.0, shift=1.0))[:, ::3]
    noise = (levels == 1).sum(1)
    assert set(noise.tolist()) == {1, 2, 3}
    assert (levels.diff(dim=1) >= 0).all()


def test_levels_are_shifted_like_the_schedule_that_samples() -> None:
    settings = LevelSettings(diagonal=1.0, warm_up=0.0, shift=4.0)
    torch.manual_seed(0)
    moved = draw_levels(COUNT, 9, settings)[:, ::3]
    row = diagonal(shift=4.0).rows[2]
    nearest = (moved - torch.tensor(row)).abs().amax(1).min()
    assert nearest < 0.01
    assert row == tuple(shifted(level, 4.0) for level in (1 / 3, 2 / 3, 1.0))


def test_independent_levels_are_independent() -> None:
    levels = draw_levels(COUNT, 9, LevelSettings(diagonal=0.0, shift=1.0))[:, ::3]
    assert (torch.corrcoef(levels.T) - torch.eye(3)).abs().max() < 0.06
    assert levels.mean() == pytest.approx(0.5, abs=0.02)


def test_memory_is_noised_lightly_and_not_always() -> None:
    levels = draw_memory_levels(COUNT, LevelSettings(memory=0.3, memory_share=0.7))
    assert levels.max() <= 0.3
    assert (levels == 0).float().mean() == pytest.approx(0.3, abs=0.03)


def test_the_velocity_leads_from_clean_to_noise() -> None:
    clean, noise = torch.randn(2, 3, 4, 1, 1, 1)
    levels = torch.rand(3, 4)
    noisy, velocity = interpolate(clean, noise, levels)
    left = (1 - levels)[..., None, None, None]
    torch.testing.assert_close(noisy + left * velocity, noise)
    torch.testing.assert_close(noisy - (1 - left) * velocity, clean)


@pytest.fixture
def mouth() -> LatentProbe:
    """One value of the latent, the first, opens the mouth: curve 24 in all four frames."""
    matrix = torch.zeros(8, 4 * 52)
    matrix[0, 24::52] = 1
    share = torch.zeros(52)
    share[24] = 0.5
    return LatentProbe(matrix, torch.zeros(208), torch.zeros(52), torch.ones(52), share)


def loss_of(loss: VelocityLoss, value: int, level: float = 1.0, emphasis: float = 1.0):
    error = torch.zeros(1, 1, 8)
    error[..., value] = 0.6
    shape = (1, 1, 2, 2, 2)
    counts = torch.full((1, 4), emphasis)
    return loss(error.view(shape), torch.zeros(shape), torch.tensor([[level]]), counts)


def test_no_error_costs_nothing(mouth: LatentProbe) -> None:
    velocity = torch.randn(2, 3, 2, 2, 2)
    losses = VelocityLoss(mouth, smooth=1.0)(
        velocity, velocity, torch.ones(2, 3), torch.ones(2, 12)
    )
    assert [float(value) for value in losses.values()] == [0, 0, 0]


def test_an_error_of_the_mouth_costs_extra(mouth: LatentProbe) -> None:
    loss = VelocityLoss(mouth, lips=0.3)
    lips, hair = loss_of(loss, 0), loss_of(loss, 5)
    assert float(lips["velocity"]) == pytest.approx(0.36 / 8) == float(hair["velocity"])
    assert float(lips["lips"]) == pytest.approx(0.3 * 0.36)
    assert float(hair["lips"]) == 0


def test_lips_that_count_more_cost_more(mouth: LatentProbe) -> None:
    loss = VelocityLoss(mouth)
    assert float(loss_of(loss, 0, emphasis=2.0)["lips"]) == pytest.approx(
        2 * float(loss_of(loss, 0)["lips"])
    )


def test_a_tremble_costs_more_than_an_offset(mouth: LatentProbe) -> None:
    loss = VelocityLoss(mouth, smooth=1.0)
    offset, tremble = torch.full((2, 1, 6, 8), 0.6).unbind(0)
    tremble = tremble * torch.tensor([1.0, -1.0] * 3)[:, None]
    costs = [
        float(loss(e.view(1, 6, 2, 2, 2), torch.zeros(1, 6, 2, 2, 2), torch.ones(1, 6),
                   torch.ones(1, 24))["smooth"])
        for e in (offset, tremble)
    ]  # fmt: skip
    assert costs[0] == pytest.approx(0.36 / 24)  # the step from the memory, which has no error
    assert costs[1] == pytest.approx((0.36 + 5 * 4 * 0.36) / 24)


def test_levels_that_few_steps_never_visit_count_less(mouth: LatentProbe) -> None:
    loss = VelocityLoss(mouth, floor=0.2)
    assert float(loss_of(loss, 5, level=0.1)["velocity"]) == pytest.approx(0.25 * 0.36 / 8)
    assert float(loss_of(loss, 5, level=0.2)["velocity"]) == pytest.approx(0.36 / 8)


@pytest.mark.parametrize(("curve", "follows"), [("jawOpen", "spoken"), ("browInnerUp", "velocity")])
def test_the_mouth_alone_follows_what_was_spoken(curve: str, follows: str) -> None:
    matrix, share = torch.zeros(8, 4 * 52), torch.zeros(52)
    matrix[0, curve_index(curve) :: 52], share[curve_index(curve)] = 1, 1
    readout = LatentProbe(matrix, torch.zeros(208), torch.zeros(52), torch.ones(52), share)
    velocities = {"velocity": torch.zeros(1, 1, 2, 2, 2), "spoken": torch.ones(1, 1, 2, 2, 2)}
    losses = VelocityLoss(readout, smooth=1.0)(
        velocities[follows], levels=torch.ones(1, 1), emphasis=torch.ones(1, 4), **velocities
    )
    assert (losses["lips"], losses["smooth"]) == (0, 0)
    assert (losses["velocity"] == 0) == (follows == "velocity")
