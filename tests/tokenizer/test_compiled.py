"""Compiled loops give what PyTorch gives, which is asked when somebody wants a gradient."""

import pytest
import torch

from flowact.tokenizer.decoder import sample_features
from flowact.tokenizer.kernels import map_kernels
from flowact.tokenizer.layers import FlowConv2d, Upsample, fold, unfold
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.view_layers import render_warp
from flowact.tokenizer.views import FACE, WHOLE, View
from flowact.tokenizer.warp import sample


def test_they_are_for_processors_and_without_gradients() -> None:
    x = torch.zeros(1)
    assert not map_kernels.usable(x)
    with torch.no_grad():
        assert map_kernels.usable(x) and not map_kernels.usable(x.to("meta"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_folding(scale: int, dtype: torch.dtype) -> None:
    pixels = torch.randn(2, 4, 6, 12)
    with torch.no_grad():
        folded = fold(pixels, scale, dtype)
        assert folded.is_contiguous(memory_format=torch.channels_last)
        unfolded = unfold(folded, scale)
        assert torch.equal(torch.cat(unfolded, 1), pixels.to(dtype).float())
    assert torch.equal(folded, fold(pixels, scale, dtype))
    assert all(map(torch.equal, unfolded, unfold(folded, scale)))


NEAR = {
    torch.float32: {"atol": 1e-4, "rtol": 1e-4},
    torch.bfloat16: {"atol": 0.05, "rtol": 0.02},
}


@pytest.mark.parametrize("dtype", NEAR)
@pytest.mark.parametrize("same", [True, False])
def test_enlarging_joining_and_modulating(same: bool, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    up = Upsample(16, 32).to(dtype).requires_grad_(False)
    x, skip = torch.randn(2, 16, 5, 4), torch.randn(2, 32, 10, 8)
    by = torch.randn(2, 32, 1, 1), torch.randn(2, 32, 1, 1)
    if same:  # a stream of one person has one row of everything
        x, skip, by = x[:1], skip[:1], (by[0][:1], by[1][:1])
    given = x.to(dtype), skip.to(dtype), tuple(vector.to(dtype) for vector in by)
    before = given[1].clone()
    with torch.no_grad():
        made = up(*given)
    assert torch.equal(given[1], before)
    expected = up.float()(*(g.float() for g in given[:2]), tuple(v.float() for v in given[2]))
    assert made.dtype == dtype and made.shape == expected.shape
    torch.testing.assert_close(made.float(), expected, **NEAR[dtype])
    assert (made < 0).float().mean() > 0.2


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", NEAR)
def test_a_flow_as_a_product(dtype: torch.dtype, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    flow = FlowConv2d(24)
    torch.nn.init.normal_(flow.weight, std=0.2)
    torch.nn.init.normal_(flow.get_parameter("bias"), std=0.2)
    x = torch.randn(2, 24, 7, 5)
    expected = flow(x)
    with torch.no_grad():
        made = flow.to(dtype)(x.to(dtype).contiguous(memory_format=layout))
    torch.testing.assert_close(made.float(), expected, **NEAR[dtype])


@torch.no_grad()
def test_what_is_broadcast_is_left_to_pytorch() -> None:
    up = Upsample(16, 16).to(torch.bfloat16)
    x, skip = torch.randn(2, 16, 3, 3).bfloat16(), torch.randn(2, 16, 6, 6).bfloat16()
    by = torch.ones(2, 16, 1, 1).bfloat16(), torch.zeros(2, 16, 1, 1).bfloat16()
    one_each = tuple(vector[:1] for vector in by)
    near = {"atol": 0.05, "rtol": 0.02}
    both = skip[:1].expand(2, -1, -1, -1)
    torch.testing.assert_close(up(x, skip[:1], by), up(x, both, by), **near)
    torch.testing.assert_close(up(x, skip, one_each), up(x, skip, by), **near)
    torch.testing.assert_close(up(x, skip.float(), by), up(x, skip, by).float(), **near)


@torch.no_grad()
def test_a_flow_that_is_not_a_number_reads_no_foreign_memory() -> None:
    flow = torch.full((1, 2, 60, 60), float("nan"))
    assert render_warp(flow, torch.zeros(1, 3, 480, 480), FACE, 240).shape == (1, 3, 240, 240)


@pytest.mark.parametrize(
    ("view", "size"), [(WHOLE, 60), (WHOLE, 120), (FACE, 120), (FACE, 240), (FACE, 480)]
)
def test_warping(view: View, size: int) -> None:
    generator = torch.Generator().manual_seed(3)
    pictures = torch.nn.functional.interpolate(
        torch.randn(2, 3, 60, 60, generator=generator), size=(480, 480), mode="bilinear"
    )
    flow = torch.randn(4, 2, 60, 60, generator=generator) * 0.03
    flow[..., 0] -= 0.5  # beyond the picture
    with torch.no_grad():
        made = render_warp(flow, pictures, view, size)
    torch.testing.assert_close(made, render_warp(flow, pictures, view, size), atol=2e-3, rtol=0)


def test_a_decoder_paints_the_same(tokenizer: Tokenizer, portrait: torch.Tensor) -> None:
    z = torch.randn(1, 2, 16, 8, 16)

    def frames() -> torch.Tensor:
        features = tokenizer.reference_features(portrait)
        return tokenizer.decode(tokenizer.initial_state(features), z, features)[0].detach()

    plain = frames()
    with torch.no_grad():
        torch.testing.assert_close(frames(), plain, atol=2e-3, rtol=0)


@pytest.mark.parametrize("dtype", NEAR)
def test_sampling_features(dtype: torch.dtype) -> None:
    features = torch.randn(2, 8, 6, 5, generator=torch.Generator().manual_seed(1)).to(dtype)
    grid = torch.rand(4, 7, 7, 2, generator=torch.Generator().manual_seed(2)) * 3 - 1.5
    wanted = sample(features, grid, "border")  # two frames of each of two people, partly beyond
    made = sample_features(features, grid)
    assert made.dtype == dtype and made.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(made.float(), wanted, **NEAR[dtype])
    grid[0, 0, 0] = torch.nan
    assert sample_features(features, grid).isnan().sum() <= 8
