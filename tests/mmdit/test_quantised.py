"""Eight-bit products against their definition in float64, and what neighbours in a batch may change."""

import pytest
import torch
from torch import Tensor, nn

from flowact.mmdit.model import FlowActTransformer
from flowact.mmdit.quantised import (
    EightBits,
    Granularity,
    QuantisedLinear,
    eight_bit_layers,
    quantise,
    round_to,
)
from tests.tiny_transformer import tiny_transformer

FORMS: tuple[EightBits, ...] = ("int8", "fp8")
GRANULARITIES: tuple[Granularity, ...] = ("row", "tensor")


def layer(bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(64, 96, bias=bias)


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 24, 64) * torch.logspace(-3, 3, 24)[:, None]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_the_product_is_that_of_the_rounded_numbers(
    form: EightBits, granularity: Granularity, bias: bool, x: Tensor
) -> None:
    trained = layer(bias)
    weight, scale = round_to(trained.weight, form, (1,) if granularity == "row" else (0, 1))
    levels, token_scale = round_to(x, form, (-1,))
    exact = (levels.double() @ weight.double().T) * (token_scale.double() * scale.double().T)
    if trained.bias is not None:
        exact = exact + trained.bias.double()
    made = QuantisedLinear(trained, form, granularity)(x)
    assert made.dtype == torch.float32
    assert float((made - exact).abs().max() / exact.abs().max()) < 3e-7


@torch.inference_mode()
def test_bytes_are_added_up_exactly(x: Tensor) -> None:
    trained = layer(bias=False)
    levels, token_scale = round_to(x.flatten(0, 2), "int8", (1,))
    weight, scale = round_to(trained.weight, "int8", (1,))
    sums = levels.long() @ weight.long().T
    expected = sums.float() * (token_scale * scale.flatten())
    assert torch.equal(QuantisedLinear(trained, "int8")(x).flatten(0, 2), expected)


@pytest.mark.parametrize("form", FORMS)
def test_rounding_is_as_fine_as_the_format(form: EightBits, x: Tensor) -> None:
    levels, scale = round_to(x, form, (-1,))
    error = (levels.float() * scale - x).abs() / x.abs().amax(-1, keepdim=True)
    assert float(error.max()) <= {"int8": 0.5 / 127, "fp8": 16 / 448}[form] * 1.0001
    silent, scale = round_to(torch.zeros(2, 4), form, (1,))
    assert not silent.float().any()
    assert scale.isfinite().all()


@pytest.mark.parametrize("form", FORMS)
@torch.inference_mode()
def test_what_is_not_finite_stays_so(form: EightBits) -> None:
    x = torch.ones(3, 64)
    x[1, 5] = float("nan")
    made = QuantisedLinear(layer(), form)(x)
    assert not made[1].isfinite().any()
    assert made[[0, 2]].isfinite().all()


@torch.inference_mode()
def test_no_tokens_give_none() -> None:
    assert QuantisedLinear(layer(), "int8")(torch.zeros(2, 0, 8, 64)).shape == (2, 0, 8, 96)


def test_only_the_video_stream_of_blocks_is_rounded() -> None:
    model = tiny_transformer()
    names = eight_bit_layers(model)
    assert len(names) == 2 * 4
    assert all(name.startswith("blocks.") and ".streams.video." in name for name in names)
    assert quantise(model, lambda trained: QuantisedLinear(trained, "fp8")) == 8
    assert not eight_bit_layers(model)


def stream(model: FlowActTransformer, latents: Tensor) -> Tensor:
    torch.manual_seed(5)
    count = len(latents)
    audio, text = torch.randn(1, 16, 16), torch.randn(1, 1, 2, 16)
    made: Tensor = model(
        latents, torch.full((count, 3), 0.5), audio.expand(count, -1, -1), text.expand(count, -1, -1, -1)
    )  # fmt: skip
    return made


@pytest.mark.parametrize("form", FORMS)
@torch.inference_mode()
def test_a_session_does_not_depend_on_its_neighbours(form: EightBits) -> None:
    model = tiny_transformer()
    exact = stream(model, torch.randn(1, 3, 16, 8, 16, generator=torch.Generator().manual_seed(3)))
    quantise(model, lambda trained: QuantisedLinear(trained, form))
    torch.manual_seed(3)
    session, quiet, loud = (
        torch.randn(1, 3, 16, 8, 16),
        torch.zeros(1, 3, 16, 8, 16),
        1e3 * torch.randn(1, 3, 16, 8, 16),
    )
    beside_quiet = stream(model, torch.cat((session, quiet)))[0]
    beside_loud = stream(model, torch.cat((session, loud)))[0]
    assert torch.equal(beside_quiet, beside_loud)
    error = float((beside_quiet - exact[0]).norm() / exact.norm())
    assert 0 < error < 0.1


def test_formats_stay_when_the_model_is_cast() -> None:
    made = QuantisedLinear(layer(), "fp8").to(torch.bfloat16)
    assert made.weight.dtype == torch.float8_e4m3fn
    assert made.scale.dtype == torch.float32
    assert made(torch.ones(1, 64, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert made.to("meta").weight.device.type == "meta"


def test_what_was_rounded_is_not_saved() -> None:
    model = tiny_transformer()
    quantise(model, lambda trained: QuantisedLinear(trained, "int8"))
    with pytest.raises(ValueError, match="cannot be saved"):
        model.state_dict()
