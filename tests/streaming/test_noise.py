import torch

from flowact.streaming.noise import draw_normal, seed_generators


def test_equal_seeds_draw_equal_numbers() -> None:
    one, _ = draw_normal(seed_generators([5]), (3, 4))
    two, _ = draw_normal(seed_generators([5]), (3, 4))
    assert torch.equal(one, two)


def test_a_batch_draws_what_each_session_would_draw_alone() -> None:
    both, _ = draw_normal(seed_generators([5, -6]), (3, 4))
    assert torch.equal(both[1:], draw_normal(seed_generators([-6]), (3, 4))[0])


def test_draws_and_neighbouring_seeds_are_independent() -> None:
    generators = seed_generators([0, 1, 2])
    first, later = draw_normal(generators, (4000,))
    second, _ = draw_normal(later, (4000,))
    correlations = torch.corrcoef(torch.cat((first, second))) - torch.eye(6)
    assert correlations.abs().max() < 0.08
    assert abs(first.mean()) < 0.05
    assert abs(first.std() - 1) < 0.05


def test_drawing_leaves_the_generators_as_they_were() -> None:
    generators = seed_generators([3])
    draw_normal(generators, (2,))
    assert generators.tolist() == [[3, 0]]
