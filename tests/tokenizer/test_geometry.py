from dataclasses import replace

import pytest
import torch

import flowact.tokenizer.decoder as decoder_module
from flowact.timebase import FACE_BOX
from flowact.tokenizer.composite import (
    NumbaCompositor,
    Uint8Compositor,
    feather_mask,
    paste_face,
    to_uint8,
)
from flowact.tokenizer.view_layers import Layers, compose, render_warp
from flowact.tokenizer.views import FACE, VIEW_SIZE, VIEWS, WHOLE, Region, View
from flowact.tokenizer.warp import sample, sampling_grid


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.rand(1, 3, 480, 480) * 2 - 1


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
def test_zero_flow_is_exactly_the_view(view: View, picture) -> None:
    warped = sample(picture, sampling_grid(torch.zeros(4, 2, 60, 60), view, VIEW_SIZE))
    torch.testing.assert_close(warped, view.crop(picture).expand(4, -1, -1, -1), atol=2e-3, rtol=0)


def test_positive_flow_fetches_from_the_right_and_from_below(picture) -> None:
    flow = torch.zeros(1, 2, 60, 60)
    flow[:, 0], flow[:, 1] = 10 / 240, 6 / 240
    warped = sample(picture, sampling_grid(flow, WHOLE, 480))
    torch.testing.assert_close(
        warped[..., :470, :470], picture[..., 6:476, 10:480], atol=2e-3, rtol=0
    )


def test_beyond_its_edge_a_picture_is_mirrored(picture) -> None:
    flow = torch.zeros(1, 2, 60, 60)
    flow[:, 0], flow[:, 1] = 20 / 240, -8 / 240
    with torch.no_grad():
        warped = sample(picture, sampling_grid(flow, WHOLE, 480))
    torch.testing.assert_close(
        warped[..., 8:, 460:], picture[..., :472, 460:].flip(-1), atol=2e-3, rtol=0
    )
    torch.testing.assert_close(
        warped[..., :8, :400], picture[..., :8, 20:420].flip(-2), atol=2e-3, rtol=0
    )


def test_every_picture_serves_its_own_frames() -> None:
    pictures = torch.tensor([1.0, 2.0])[:, None, None, None].expand(2, 1, 480, 480)
    warped = sample(pictures, sampling_grid(torch.zeros(8, 2, 60, 60), FACE, 60))
    assert warped[:, 0, 0, 0].tolist() == [1] * 4 + [2] * 4


def test_view_coordinates() -> None:
    inside = FACE.from_frame(FACE.identity_grid(240))
    torch.testing.assert_close(
        inside, View("frame", 0, 0, 480).identity_grid(240), atol=1e-5, rtol=0
    )
    left, top, _ = FACE_BOX
    torch.testing.assert_close(
        FACE.pixels(torch.tensor([[left + 10.0, top + 20.0]])), torch.tensor([[10.0, 20.0]])
    )
    torch.testing.assert_close(
        WHOLE.pixels(torch.tensor([[100.0, 50.0]])), torch.tensor([[50.0, 25.0]])
    )
    with pytest.raises(ValueError, match=r"frames are \(240, 240\)"):
        WHOLE.crop(torch.zeros(1, 3, 240, 240))


def test_paint_is_added_to_the_masked_warp(picture) -> None:
    layers = Layers(
        torch.zeros(1, 2, 60, 60),
        torch.full((1, 1, 120, 120), 0.5),
        torch.full((1, 3, 120, 120), 0.25),
        torch.zeros(1, 3, 120, 120),
    )
    torch.testing.assert_close(
        compose(layers, picture, WHOLE, 480), picture / 2 + 0.25, atol=2e-3, rtol=0
    )


def test_a_region_is_that_part_of_the_view(picture) -> None:
    region = Region(top=4, left=10, height=12, width=20)
    flow = torch.randn(1, 2, 60, 60) * 0.02
    mask, paint = torch.rand(1, 1, 120, 120), torch.randn(1, 3, 120, 120)
    warp = render_warp(flow, picture, FACE, 120)
    full = compose(Layers(flow, mask, paint, warp), picture, FACE, 240)
    part = Layers(*(region.cut(x) for x in (flow, mask, paint, warp)), region)
    made = compose(part, picture, FACE, 240)
    assert made.shape == (1, 3, 96, 160)
    inner = (..., slice(8, -8), slice(8, -8))  # at its border the region has no neighbours
    torch.testing.assert_close(made[inner], region.cut(full)[inner], atol=1e-4, rtol=0)


def test_a_warp_of_the_right_size_is_not_made_again(picture, monkeypatch) -> None:
    flow = torch.randn(1, 2, 60, 60) * 0.02
    mask, paint = torch.rand(1, 1, 240, 240), torch.randn(1, 3, 240, 240)
    layers = Layers(flow, mask, paint, render_warp(flow, picture, FACE, 240))
    anew = compose(replace(layers, warp=torch.zeros(1, 3, 120, 120)), picture, FACE, 240)
    monkeypatch.setattr(decoder_module, "render_warp", lambda *_: 1 / 0)
    assert torch.equal(compose(layers, picture, FACE, 240), anew)


def test_the_seam_of_the_face_is_smooth() -> None:
    mask = feather_mask(16)
    assert mask[120, 120] == 1 and mask[20:-20, 20:-20].min() == 1
    assert mask[0].max() < 0.01 and mask.diff(dim=0).abs().max() < 0.1
    torch.testing.assert_close(mask, mask.T)
    left, top, size = FACE_BOX
    frame = paste_face(torch.zeros(1, 3, 480, 480), torch.ones(1, 3, 240, 240), mask)
    assert frame[..., top + size // 2, left + size // 2].eq(1).all()
    assert frame.sum() == pytest.approx(3 * float(mask.sum()), rel=1e-5)


def test_bytes() -> None:
    frames = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]).reshape(1, 1, 1, 5).repeat(1, 3, 1, 1)
    assert to_uint8(frames)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_compiled_loops_give_the_same_levels(picture) -> None:
    generator = torch.Generator().manual_seed(3)

    def layers(paint: int) -> Layers:
        flow = torch.randn(1, 2, 60, 60, generator=generator) * 0.02
        flow[..., 0] -= 0.5  # far beyond the picture
        mask = torch.rand(1, 1, paint, paint, generator=generator)
        colours = torch.randn(1, 3, paint, paint, generator=generator) * 0.5
        return Layers(flow, mask, colours, render_warp(flow, picture, FACE, paint))

    whole, face, seam = layers(120), layers(240), feather_mask(16)
    plain, compiled = (
        compositor.finish(compositor.whole(whole, picture), face, picture)
        for compositor in (Uint8Compositor(seam), NumbaCompositor(seam))
    )
    difference = (plain.int() - compiled.int()).abs()
    assert difference.max() <= 1
    assert difference.float().mean() < 0.01
    assert plain.float().std() > 30
