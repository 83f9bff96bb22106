"""The compiled loops against PyTorch's operators, to the bit."""

import pytest
import torch

from flowact.mmdit import byte_kernels
from flowact.mmdit.quantised import round_to

DTYPES = (torch.float32, torch.bfloat16)


@pytest.mark.parametrize("dtype", DTYPES)
@torch.inference_mode()
def test_tokens_are_rounded_as_by_definition(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    tokens = (torch.randn(50, 70) * torch.logspace(-20, 20, 50)[:, None]).to(dtype)
    tokens[3] = 0
    tokens[4, 6] = torch.inf
    tokens[5, 7] = torch.nan
    levels, scales = byte_kernels.to_bytes(tokens)
    expected, scale = round_to(tokens, "int8", (1,))
    usual = torch.tensor([n not in (4, 5) for n in range(50)])
    assert torch.equal(levels[usual], expected[usual])
    assert torch.equal(scales[usual], scale.flatten()[usual])
    assert not scales[~usual].isfinite().any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("biased", [True, False])
@torch.inference_mode()
def test_sums_are_scaled_as_by_definition(dtype: torch.dtype, biased: bool) -> None:
    torch.manual_seed(1)
    sums = torch.randint(-(2**28), 2**28, (20, 33), dtype=torch.int32)
    token_scale, scale = torch.rand(20) / 1e6, torch.rand(33)
    bias = torch.randn(33) if biased else None
    made = byte_kernels.from_sums(sums, token_scale, scale, bias, dtype)
    expected = sums.float() * (token_scale[:, None] * scale)
    assert torch.equal(made, (expected if bias is None else expected + bias).to(dtype))
