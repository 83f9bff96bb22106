import pytest
import torch

from flowact.mmdit.memory import LONG_TERM, REFERENCE, SHORT_TERM
from flowact.streaming.memory import REFERENCE_TIME, MemoryBank


def chunk(number: int) -> torch.Tensor:
    """Latents whose values say which they are: chunk 2 holds 6, 7, 8."""
    return torch.arange(3 * number, 3 * number + 3.0).view(1, 3, 1, 1, 1)


def values(latents: torch.Tensor) -> list[float]:
    return latents.flatten().tolist()


@pytest.fixture
def bank() -> MemoryBank:
    return MemoryBank.start(torch.full((1, 1, 1, 1, 1), -1.0))


def test_a_session_begins_with_its_reference_alone(bank: MemoryBank) -> None:
    given = bank.as_input(torch.zeros(1, 8, 4))
    assert values(given.latents) == [-1]
    assert given.roles.tolist() == [REFERENCE]
    assert given.audio.shape == (1, 0, 4)


def test_what_is_remembered_after_each_chunk(bank: MemoryBank) -> None:
    expected = [[0], [0, 3], [0, 3, 6], [3, 6, 9]]
    for number, leading in enumerate(expected):
        bank = bank.remember(chunk(number))
        assert values(bank.long_term) == leading
        assert values(bank.short_term) == [3 * number + 1, 3 * number + 2]
    assert bank.ages == (9, 6, 3)


def test_times_say_where_each_latent_was(bank: MemoryBank) -> None:
    for number in range(4):
        bank = bank.remember(chunk(number))
    given = bank.as_input(torch.zeros(1, 8, 4))
    assert values(given.latents) == [-1, 3, 6, 9, 10, 11]
    assert given.times.tolist() == [[REFERENCE_TIME, -9, -6, -3, -2, -1]]
    assert given.roles.tolist() == [REFERENCE] + [LONG_TERM] * 3 + [SHORT_TERM] * 2
    assert given.audio.shape == (1, 8, 4)
    assert not given.levels.any()


def test_a_stride_reaches_further_back(bank: MemoryBank) -> None:
    for number in range(8):
        bank = bank.remember(chunk(number), stride=3)
    # The stream's first latent would be 24.
    assert values(bank.long_term) == [0, 9, 18]
    assert bank.ages == (24, 15, 6)


def test_it_never_grows(bank: MemoryBank) -> None:
    for number in range(10_000):
        bank = bank.remember(chunk(number))
        assert bank.long_term.shape[1] <= 3
        assert bank.short_term.shape[1] == 2
    assert bank.ages == (9, 6, 3)
    assert bank.as_input(torch.zeros(1, 8, 4)).latents.untyped_storage().nbytes() == 6 * 4


def test_seen_from_the_short_term_memory_everything_is_nearer(bank: MemoryBank) -> None:
    for number in range(3):
        bank = bank.remember(chunk(number))
    earlier = bank.before_short_term()
    assert earlier.ages == (7, 4, 1)
    assert earlier.short_term.shape[1] == 0
    assert earlier.without_reference().as_input(torch.zeros(1, 8, 4)).roles.tolist() == [1, 1, 1]


def test_a_reference_is_one_latent() -> None:
    with pytest.raises(ValueError, match=r"\(1, 2, 1, 1, 1\)"):
        MemoryBank.start(torch.zeros(1, 2, 1, 1, 1))
