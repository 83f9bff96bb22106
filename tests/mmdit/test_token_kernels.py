"""The compiled loops over tokens against PyTorch's operators."""

import pytest
import torch
import torch.nn.functional as F

from flowact.mmdit import token_kernels
from flowact.mmdit.block import StreamLayer, Tokens
from flowact.mmdit.layers import TanhGELU, modulate
from flowact.mmdit.number_bits import takes
from flowact.mmdit.rope import rotary_table

TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2e-2}
DTYPES = tuple(TOLERANCE)


def close(made: torch.Tensor, expected: torch.Tensor) -> None:
    """Whether a result is what PyTorch has in float64, as near as its format tells."""
    tolerance = TOLERANCE[made.dtype]
    torch.testing.assert_close(made.double(), expected, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_queries_and_keys_are_normalised_and_rotated(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = StreamLayer(48, heads=3, head_dim=32, ratio=2.0, final=False).double()
    layer.query_norm.scale.uniform_(0.5, 2)
    layer.key_norm.scale.uniform_(0.5, 2)
    rotary = rotary_table(torch.rand(1, 10, 3) * 40, 32)
    x, modulation = torch.randn(2, 5, 2, 48), torch.randn(2, 5, 6, 48) / 4
    wanted = layer.project(Tokens(x.double(), modulation.double(), rotary))
    made = layer.to(dtype).project(Tokens(x.to(dtype), modulation.to(dtype), rotary))
    for name in ("query", "key", "value"):
        part = getattr(made, name)
        assert part.shape == (2, 3, 10, 32) and part.dtype == dtype
        torch.testing.assert_close(
            part.double(), getattr(wanted, name), atol=3 * TOLERANCE[dtype], rtol=0
        )


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_tokens_are_normalised_scaled_and_shifted(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    x = (torch.randn(2, 3, 4, 40) * 5 + 2).to(dtype)
    parts = torch.randn(2, 3, 6, 40).to(dtype)
    for first in (0, 3):
        shift, scale = parts[:, :, first : first + 2].double().split(1, 2)
        close(modulate(x, parts, first), F.layer_norm(x.double(), (40,)) * (1 + scale) + shift)


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_softmax_is_that_of_pytorch(dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    for spread in (1, 30, 1e4):
        scores = (torch.randn(2, 3, 5, 75) * spread).to(dtype)
        expected = (scores.double() / 4).softmax(-1)
        made = token_kernels.softmax(scores.clone(), 0.25)
        torch.testing.assert_close(made.double(), expected, atol=TOLERANCE[dtype], rtol=0)
        assert (made.sum(-1, dtype=torch.double) - 1).abs().max() < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_gelu_is_that_of_pytorch(dtype: torch.dtype) -> None:
    x = torch.linspace(-300, 300, 5001).to(dtype).view(3, -1)
    close(TanhGELU()(x), F.gelu(x.double(), approximate="tanh"))


@torch.inference_mode()
def test_there_may_be_no_tokens() -> None:
    scales, angles = (torch.ones(8), torch.ones(8)), torch.zeros(1, 1, 0, 4)
    parts = token_kernels.split_heads(torch.zeros(1, 0, 48), scales, angles, angles)
    assert [part.shape for part in parts] == [(1, 2, 0, 8)] * 3
    assert modulate(torch.zeros(1, 0, 4, 8), torch.zeros(1, 0, 2, 8)).shape == (1, 0, 4, 8)
    assert token_kernels.softmax(torch.zeros(1, 0, 8), 1.0).shape == (1, 0, 8)
    assert token_kernels.gelu(torch.zeros(1, 0, 8)).shape == (1, 0, 8)


@torch.inference_mode()
def test_neighbours_change_no_bit() -> None:
    torch.manual_seed(2)
    x, parts = torch.randn(3, 2, 4, 40), torch.randn(3, 2, 2, 40)
    together, shares = modulate(x, parts), token_kernels.softmax(x.clone(), 1.0)
    for row in range(3):
        own = slice(row, row + 1)
        assert torch.equal(together[own], modulate(x[own], parts[own]))
        assert torch.equal(shares[own], token_kernels.softmax(x[own].clone(), 1.0))


@torch.inference_mode()
def test_what_is_no_number_stays_visible() -> None:
    x = torch.ones(1, 1, 2, 40)
    x[0, 0, 1, 7] = torch.nan
    assert modulate(x, torch.zeros(1, 1, 2, 40)).isnan().any(-1).flatten().tolist() == [False, True]
    assert token_kernels.gelu(x).isnan().sum() == 1
    for unknown in (torch.nan, -torch.nan, torch.inf):
        x[0, 0, 1, 7] = unknown
        seen = token_kernels.softmax(x.clone(), 1.0).isnan()
        assert seen.any(-1).flatten().tolist() == [False, True] and seen[0, 0, 1].all()
    scales = torch.ones(8), torch.ones(8)
    angles = torch.zeros(1, 1, 1, 4)
    query, *_ = token_kernels.split_heads(torch.full((1, 1, 24), torch.nan), scales, angles, angles)
    assert query.isnan().all()


def test_other_devices_formats_and_gradients_are_left_to_pytorch() -> None:
    with torch.inference_mode():
        assert takes(torch.zeros(1, 1, dtype=torch.bfloat16))
        assert not takes(torch.zeros(1, 1, dtype=torch.float64))
        assert not takes(torch.zeros(1, 1, device="meta"))
    assert not takes(torch.zeros(1, 1))
