import torch

from flowact.streaming.denoise import denoise, guided
from flowact.streaming.schedule import diagonal


def test_the_true_velocity_leads_to_the_clean_latents() -> None:
    torch.manual_seed(0)
    clean, noise = torch.randn(2, 1, 9, 1, 1, 1)
    schedule = diagonal()
    result = denoise(lambda x, levels: noise - clean, noise, schedule.calls_from((1.0, 1.0, 1.0)))
    left = torch.tensor(schedule.rows[-1]).repeat_interleave(3).view(1, 9, 1, 1, 1)
    torch.testing.assert_close(result, (1 - left) * clean + left * noise)


def test_the_model_is_told_each_latents_own_level() -> None:
    seen = []

    def velocity(latents: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
        seen.append(levels[0].tolist())
        return torch.zeros_like(latents)

    denoise(velocity, torch.zeros(1, 4, 1, 1, 1), [((0.5, 1.0), (0.0, 0.5)), ((0.25, 0.5), (0, 0))])
    assert seen == [[0.5, 0.5, 1.0, 1.0], [0.25, 0.25, 0.5, 0.5]]


def test_guidance_goes_from_one_velocity_beyond_the_other() -> None:
    here = torch.zeros(1)
    three, five = (lambda *_: torch.tensor(3.0)), (lambda *_: torch.tensor(5.0))
    assert guided(five, three, 2.0)(here, here) == 7.0
    assert guided(five, three, 0.0)(here, here) == 3.0


def test_no_guidance_costs_no_second_call() -> None:
    def never(*_: torch.Tensor) -> torch.Tensor:
        raise AssertionError("called")

    assert guided(lambda *_: torch.tensor(5.0), never, 1.0)(torch.zeros(1), torch.zeros(1)) == 5.0
