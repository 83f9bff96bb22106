"""Eight-bit convolutions: close to the trained ones, and nobody's picture depends on anybody else's."""

import copy

import pytest
import torch

from flowact.hardware.precision import CPU_INT8_FLAGS, detect
from flowact.tokenizer.convolutions.int8 import (
    Int8Conv2d,
    Int8ResidualBlock,
    QuantParams,
    record_ranges,
    use_int8,
)
from flowact.tokenizer.encoding.fitting import fit_latents
from flowact.tokenizer.layers import SLOPE, ResidualBlock, to_channels_last
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.tokenizer.calibration import calibrate

multiplies_bytes = pytest.mark.skipif(
    not detect(self_test=False).cpu_flags & CPU_INT8_FLAGS,
    reason="the processor has no instructions that multiply bytes",
)


def activations(batch: int = 2) -> torch.Tensor:
    x = torch.randn(batch, 32, 12, 12, generator=torch.Generator().manual_seed(1))
    return x.to(memory_format=torch.channels_last)


@pytest.fixture
def block() -> ResidualBlock:
    torch.manual_seed(0)
    made = ResidualBlock(32).eval().requires_grad_(False)
    torch.nn.init.normal_(made.second.weight, std=0.05)
    to_channels_last(made)
    return made


@pytest.mark.parametrize("ends", [(-1.0, 3.0), (0.0, 2.0), (-4.0, -1.0), (0.0, 0.0)])
def test_steps_reach_beyond_the_ends_and_hit_zero(ends: tuple[float, float]) -> None:
    steps = QuantParams.over(*ends)
    assert 0 <= steps.zero_point <= 255
    for end in ends:
        assert -0.5 <= end / steps.scale + steps.zero_point <= 255.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("slope", [1.0, SLOPE])
def test_bytes_are_rounded_and_limited(dtype: torch.dtype, slope: float) -> None:
    steps, x = QuantParams(0.0213, 60), (activations() * 10).to(dtype)
    bent = torch.nn.functional.leaky_relu(x.float(), slope)
    expected = (bent * (1 / 0.0213) + 60).round().clamp(0, 255)
    levels = steps.quantize(x, slope)
    assert levels.shape == x.shape and levels.dtype == torch.uint8
    assert levels.is_contiguous(memory_format=torch.channels_last)
    assert (levels.float() - expected).abs().max() <= 1
    assert (levels.float() != expected).float().mean() < 0.01
    assert levels.min() == 0 and levels.max() == 255


@multiplies_bytes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_block_in_eight_bits_is_nearly_the_trained_one(
    block: ResidualBlock, dtype: torch.dtype
) -> None:
    x = activations()
    expected = block(x)
    quantised = Int8ResidualBlock(block, QuantParams.over(-4, 4), QuantParams.over(-0.5, 5))
    made = quantised(x.to(dtype, copy=True))
    assert made.dtype == dtype
    added = (expected - x).norm()
    assert added > 1
    assert (made.float() - expected).norm() < 0.03 * added + (0.004 * expected).norm()


@multiplies_bytes
def test_rows_of_a_batch_do_not_see_each_other(block: ResidualBlock) -> None:
    quantised = Int8ResidualBlock(block, QuantParams.over(-4, 4), QuantParams.over(-0.5, 5))
    together = quantised(activations().clone())
    for row in range(2):
        assert torch.equal(together[[row]], quantised(activations()[[row]].clone()))


def test_ranges_are_the_ends_of_what_enters(block: ResidualBlock) -> None:
    network, x = torch.nn.Sequential(block), activations()
    with record_ranges(network) as ranges:
        network(x)
        network(3 * x)
    network(100 * x)
    assert ranges["0.first"] == (float(3 * x.min()), float(3 * x.max()))
    assert ranges.keys() == {"0.first", "0.second"}


def test_a_convolution_without_a_range_is_named(block: ResidualBlock) -> None:
    with pytest.raises(ValueError, match=r"no range of activations for 0\.second"):
        use_int8(torch.nn.Sequential(block), {"0.first": (-1.0, 1.0)})


@multiplies_bytes
@torch.no_grad()
def test_a_calibrated_tokenizer_shows_the_same_in_eight_bits(
    tokenizer: Tokenizer, portrait: torch.Tensor
) -> None:
    made = copy.deepcopy(tokenizer)
    assert not made.use_int8()  # it was never calibrated
    blocks_only = {"blocks.0.0.first": (-1.0, 1.0)}
    made.register_to_config(activation_ranges={"whole": blocks_only, "face": blocks_only})
    assert not made.use_int8()  # nor all of it
    clips = torch.randn(2, 3, 16, 8, 16)
    made.register_to_config(activation_ranges=calibrate(made, [portrait, -portrait], clips))
    assert made.use_int8()
    for decoder in (made.whole.decoder, made.face.decoder):
        assert isinstance(decoder.take_pixels, Int8Conv2d)
        assert isinstance(decoder.leave, Int8Conv2d)
        assert not isinstance(decoder.fine_flow, Int8Conv2d)
    features, z = made.reference_features(portrait), clips[[0]]
    exact, _ = tokenizer.decode(tokenizer.initial_state(features), z, features)
    state = made.initial_state(features)
    frames, _ = made.decode(state, z, features)
    assert 0 < (frames - exact).abs().mean() < 0.02
    with pytest.raises(ValueError, match="eight bits has no gradient"):
        fit_latents(made, z, frames, portrait)
    first, after = made.decode(state, z[:, :1], features)
    rest, _ = made.decode(after, z[:, 1:], features)
    assert torch.equal(torch.cat([first, rest], 1), frames)
