"""Layers with weights in the library's own order give what the trained ones give."""

import copy

import pytest
import torch
from torch import nn

from flowact.conditioning.audio import TokenConv
from flowact.mmdit.packed import PackedLinear, PackedTokenConv, can_pack, pack
from tests.tiny_transformer import tiny_transformer

pytestmark = pytest.mark.skipif(not can_pack(), reason="no oneDNN, or no bfloat16 for it")
NEAR = {"atol": 0.02, "rtol": 0.02}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = (
        nn.Linear(12, 8),
        TokenConv(8, 8, 3, padding=2, dilation=2),
        nn.Linear(8, 4, bias=False),
    )
    return nn.Sequential(*layers).bfloat16()


@torch.no_grad()
@pytest.mark.parametrize("batch", [1, 2])
def test_the_same_products(batch: int) -> None:
    trained = network()
    packed = copy.deepcopy(trained)
    pack(packed)
    assert [type(layer) for layer in packed] == [PackedLinear, PackedTokenConv, PackedLinear]
    x = torch.randn(batch, 3, 12).bfloat16()
    torch.testing.assert_close(packed(x), trained(x), **NEAR)


def test_float32_stays_as_it_is() -> None:
    layers = network().float()
    pack(layers)
    assert [type(layer) for layer in layers] == [nn.Linear, TokenConv, nn.Linear]


@torch.no_grad()
def test_a_packed_transformer_predicts_the_same() -> None:
    trained = tiny_transformer().bfloat16()
    packed = copy.deepcopy(trained)
    pack(packed)
    assert not any(type(part) is nn.Linear for part in packed.modules())
    torch.manual_seed(1)
    latents, levels = torch.randn(1, 3, 16, 8, 16), torch.full((1, 3), 0.5)
    audio, text = torch.randn(1, 16, 16).bfloat16(), torch.randn(1, 1, 2, 16).bfloat16()
    expected = trained(latents, levels, audio, text)
    apart = (packed(latents, levels, audio, text) - expected).abs().mean()
    assert packed.dtype == torch.bfloat16 and expected.std() > 0.1
    assert apart < 0.02 * expected.std()
