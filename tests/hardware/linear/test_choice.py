"""What is asked for is tried on the device, and what it refuses is said and replaced."""

import logging
import sys

import pytest
import torch

from flowact.hardware.linear import choice
from flowact.hardware.linear.backends import Candidate
from flowact.hardware.linear.choice import apply_linear
from flowact.hardware.linear.switch import Backend, LinearChoice
from flowact.hardware.precision import LinearFormat
from flowact.mmdit.quantised import QuantisedLinear, eight_bit_layers
from tests.tiny_transformer import tiny_transformer


@pytest.mark.parametrize(
    ("form", "planned", "label"),
    [
        ("auto", "native", "native"),
        ("auto", "int8", "int8 per row"),
        ("auto", "mxfp8", "fp8 per row"),
        ("native", "fp8", "native"),
        ("fp8", "native", "fp8 per row"),
    ],
)
def test_the_plan_decides_unless_somebody_asks(
    form: str, planned: LinearFormat, label: str
) -> None:
    model = tiny_transformer()
    assert apply_linear(model, LinearChoice(form), planned) == label
    rounded = [m for m in model.modules() if isinstance(m, QuantisedLinear)]
    assert len(rounded) == (0 if label == "native" else 8)
    assert all(label.startswith(layer.form) for layer in rounded)


def test_what_a_device_refuses_is_said_and_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on sm_120, where cuBLASLt takes no scales by row."""
    multiply = torch._scaled_mm

    def without_rows(first, second, scale, *rest, **named):
        if scale.numel() > 1:
            raise RuntimeError("CUBLAS_STATUS_NOT_SUPPORTED when calling cublasLtMatmul")
        return multiply(first, second, scale, *rest, **named)

    monkeypatch.setattr(torch, "_scaled_mm", without_rows)
    model = tiny_transformer()
    with caplog.at_level(logging.WARNING):
        assert apply_linear(model, LinearChoice("fp8"), "native") == "fp8 per tensor"
    assert "fp8 per row cannot be used on cpu: CUBLAS_STATUS_NOT_SUPPORTED" in caplog.text

    monkeypatch.delattr(torch, "_scaled_mm")
    with caplog.at_level(logging.WARNING):
        assert apply_linear(tiny_transformer(), LinearChoice("fp8"), "native") == "native"
    assert "no eight-bit products on this device: torch.float32 instead" in caplog.text


def test_wrong_results_are_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = Candidate("int8 per row", lambda trained: torch.nn.Linear(256, 512))
    monkeypatch.setattr(choice, "candidates", lambda form, backend: [wrong])
    with caplog.at_level(logging.WARNING):
        assert apply_linear(tiny_transformer(), LinearChoice("int8"), "native") == "native"
    assert "its result is off by" in caplog.text


@pytest.mark.parametrize(
    ("backend", "name"), [("te", "Transformer Engine"), ("torchao", "torchao")]
)
def test_a_library_that_is_not_there_is_said_and_replaced(
    backend: Backend, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    model = tiny_transformer()
    with caplog.at_level(logging.WARNING):
        assert apply_linear(model, LinearChoice("fp8", backend), "native") == "fp8 per row"
    assert f"fp8 by {name} cannot be used on cpu: " in caplog.text
    assert not eight_bit_layers(model)
