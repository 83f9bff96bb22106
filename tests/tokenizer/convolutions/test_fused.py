"""Convolutions fused with what follows them do what the trained ones do."""

import copy

import pytest
import torch
from torch import nn

from flowact.tokenizer.convolutions.fused import FusedConv2d, FusedResidualBlock, can_fuse, fuse
from flowact.tokenizer.layers import FlowConv2d, ResidualBlock, activate, conv, pointwise
from flowact.tokenizer.tokenizer import Tokenizer

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN"
)
NEAR = {
    torch.float32: {"atol": 1e-5, "rtol": 1e-5},
    torch.bfloat16: {"atol": 0.06, "rtol": 0.02},
}


def trained(layer: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.1)
    return layer.requires_grad_(False)


@pytest.mark.parametrize("cells", [None, 9])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("dtype", NEAR)
def test_convolving_rectifying_and_adding(
    dtype: torch.dtype, kernel: int, cells: int | None
) -> None:
    layer = trained(conv(24, 16, kernel))
    if not can_fuse(copy.deepcopy(layer).to(dtype)):
        pytest.skip("this processor has no bfloat16 for oneDNN")
    x, y = torch.randn(2, 24, 9, 9), torch.randn(2, 16, 9, 9)
    expected = layer(x), activate(layer(x)), y + layer(x)
    fused = FusedConv2d(layer.to(dtype), cells)
    x, y = x.to(dtype), y.to(dtype)
    for one, other in zip(
        (fused(x), fused.rectified(x), fused.add_to(y, x)), expected, strict=True
    ):
        assert one.dtype == dtype
        torch.testing.assert_close(one.float(), other, **NEAR[dtype])


@pytest.mark.parametrize("normalise", [False, True])
def test_a_residual_block(normalise: bool) -> None:
    block = trained(ResidualBlock(32, normalise))
    x = torch.randn(3, 32, 8, 8)
    torch.testing.assert_close(FusedResidualBlock(block)(x.clone()), block(x), atol=1e-5, rtol=1e-5)


def test_what_is_replaced_and_what_stays() -> None:
    network = nn.Sequential(
        conv(4, 32, 3, stride=2), ResidualBlock(32), nn.Sequential(pointwise(32, 8)), FlowConv2d(8)
    )
    fuse(network)
    kinds = [type(part) for part in (*network[:2], network[2][0], network[3])]
    assert kinds == [nn.Conv2d, FusedResidualBlock, FusedConv2d, FlowConv2d]


def test_other_number_formats_stay() -> None:
    assert can_fuse(conv(3, 3, 3))
    assert not can_fuse(conv(3, 3, 3).half())


@torch.no_grad()
def test_a_fused_tokenizer_shows_the_same(tokenizer: Tokenizer, portrait: torch.Tensor) -> None:
    made = copy.deepcopy(tokenizer)
    for view in (made.whole, made.face):
        fuse(view.decoder)
    assert isinstance(made.face.decoder.leave, FusedConv2d)
    features, z = made.reference_features(portrait), torch.randn(1, 2, 16, 8, 16)
    expected, _ = tokenizer.decode_uint8(tokenizer.initial_state(features), z, features)
    pictures, _ = made.decode_uint8(made.initial_state(features), z, features)
    apart = (pictures.int() - expected.int()).abs()
    assert apart.max() <= 1
    assert expected.float().std() > 1
