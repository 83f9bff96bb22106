"""Any division of the latents gives what one device gives; the ranks are threads here."""

import pytest
import torch
from torch import Tensor

from flowact.errors import UserError
from flowact.parallel import Exchange
from flowact.parallel.frames import divide, share_frames
from tests.parallel.sessions import difference, stream
from tests.thread_group import ThreadGroup, on_ranks
from tests.tiny_transformer import tiny_transformer

BOUNDS = {torch.float64: 1e-12, torch.float32: 1e-6}


def shared(ranks: int, exchange: Exchange, dtype: torch.dtype, heads: int) -> list[list[Tensor]]:
    """What every rank makes of the sessions."""
    # Before the threads begin: the weights are drawn from the one generator of the process.
    models = [tiny_transformer(heads=heads).to(dtype) for _ in range(ranks)]

    def on_rank(group: ThreadGroup) -> list[Tensor]:
        share_frames(models[group.rank], group, exchange)
        return stream(models[group.rank])

    return on_ranks(ranks, on_rank)


def test_latents_are_divided_evenly() -> None:
    assert divide(9, 4) == (3, 2, 2, 2)
    assert divide(2, 3) == (1, 1, 0)
    assert divide(6, 1) == (6,)


@pytest.mark.parametrize("exchange", ["gather", "ulysses"])
@torch.inference_mode()
def test_one_rank_computes_what_none_does(exchange: Exchange) -> None:
    (made,) = shared(1, exchange, torch.float32, 2)
    assert all(map(torch.equal, made, stream(tiny_transformer())))


@pytest.mark.parametrize(
    ("ranks", "exchange", "dtype", "heads"),
    [
        (2, "gather", torch.float32, 2),
        (7, "gather", torch.float64, 2),
        (3, "ulysses", torch.float32, 3),
    ],
)
@torch.inference_mode()
def test_several_ranks_agree_with_one_and_with_each_other(
    ranks: int, exchange: Exchange, dtype: torch.dtype, heads: int
) -> None:
    alone = stream(tiny_transformer(heads=heads).to(dtype))
    everybody = shared(ranks, exchange, dtype, heads)
    for made in everybody:
        assert all(map(torch.equal, made, everybody[0]))
        assert difference(made, alone) < BOUNDS[dtype]


def test_heads_that_do_not_divide_are_refused() -> None:
    with pytest.raises(UserError, match="2 heads do not divide among 3 ranks"):
        shared(3, "ulysses", torch.float32, 2)
