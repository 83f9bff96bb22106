import torch

from flowact.tokenizer.detail import shading
from flowact.tokenizer.warp import enlarge

GRAIN = 0.02 * torch.randn(2, 3, 240, 240, generator=torch.Generator().manual_seed(0))


def spread(paint: torch.Tensor) -> float:
    """How much of a paint is finer than four pixels."""
    coarse = torch.nn.functional.avg_pool2d(paint, 4)
    return float((paint - enlarge(coarse, 4)).std())


def test_grain_is_left_out_and_shades_stay() -> None:
    shade = torch.linspace(-0.03, 0.03, 240).expand(2, 3, 240, 240)
    kept = shading(shade + GRAIN, 1.0)
    assert spread(kept) < 0.2 * spread(GRAIN)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    assert (kept - shade)[inner].abs().max() < 0.03
    assert abs(float((kept - shade).mean())) < 1e-3


def test_what_is_drawn_stays_as_it_is() -> None:
    paint = GRAIN.clone()
    paint[..., 100:140, 100:140] += 0.5
    kept = shading(paint, 1.0)
    torch.testing.assert_close(kept[..., 100:140, 100:140], paint[..., 100:140, 100:140])
    assert spread(kept[..., :80, :80]) < 0.2 * spread(GRAIN)


def test_eyes_and_mouth_are_drawn_finely() -> None:
    drawn = torch.zeros(2, 4, 120, 120)
    drawn[:, 1, 60:70, 50:70] = 1
    kept = shading(GRAIN, 1.0, drawn)
    torch.testing.assert_close(kept[..., 120:140, 100:140], GRAIN[..., 120:140, 100:140])
    assert spread(kept[..., :60, :60]) < 0.2 * spread(GRAIN)


def test_none_and_half_of_it_may_be_asked_for() -> None:
    assert shading(GRAIN, 0.0) is GRAIN
    half = shading(GRAIN, 0.5)
    torch.testing.assert_close(half, (GRAIN + shading(GRAIN, 1.0)) / 2)


def test_compiled_loops_give_what_pytorch_gives() -> None:
    drawn = torch.zeros(2, 4, 120, 120)
    drawn[:, 1, 60:70, 50:70] = 1
    paint = (3 * GRAIN).roll(5, 0)
    wanted = shading(paint, 0.7, drawn)
    with torch.no_grad():
        torch.testing.assert_close(shading(paint, 0.7, drawn), wanted, atol=1e-5, rtol=0)
