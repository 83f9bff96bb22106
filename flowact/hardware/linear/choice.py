"""How what `--linear` asks for is tried on a device and put in place."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

import torch
from torch import nn

from flowact.hardware.linear.backends import Candidate, candidates
from flowact.hardware.linear.switch import NATIVE, LinearChoice
from flowact.hardware.precision import LinearFormat
from flowact.mmdit.model import FlowActTransformer
from flowact.mmdit.quantised import EightBits, eight_bit_layers, quantise

_log = logging.getLogger(__name__)

MOST_ERROR: Final = 0.1
"""Relative error of a layer's result above which a way to multiply is taken for broken."""
_PROBE: Final = (48, 256, 512)
"""Tokens, width and outputs of the layer that is tried."""


def apply_linear(
    transformer: FlowActTransformer,
    choice: LinearChoice,
    planned: LinearFormat,
    refused: Mapping[str, str] | None = None,
) -> str:
    """Put the layers that are worth it into eight bits, if that is asked for or planned.

    What the device or the library refuses is logged as a warning, and the next best way taken.

    Args:
        transformer: loaded, on its device.
        choice: what was asked for.
        planned: what the precision plan says.
        refused: labels of ways that are not offered for this checkpoint, and why.

    Returns:
        What is used now: `native`, or the label of a way to multiply.
    """
    form = _eight_bits(planned if choice.form == "auto" else choice.form)
    if form is None:
        return NATIVE
    layers = eight_bit_layers(transformer)
    example = next(iter(layers.values()))
    ways = candidates(form, choice.backend)
    if choice.backend != "torch":
        ways += candidates(form, "torch")
    for way in ways:
        refusal = (refused or {}).get(way.label) or _refusal(way, example)
        if refusal is None:
            quantise(transformer, way.make)
            return way.label
        _log.warning("%s cannot be used on %s: %s", way.label, example.weight.device, refusal)
    _log.warning("no eight-bit products on this device: %s instead", example.weight.dtype)
    return NATIVE


def _eight_bits(form: str) -> EightBits | None:
    """The format that we multiply in; MXFP8 is FP8 to us, whose scales are finer than it needs."""
    if form == NATIVE:
        return None
    return "int8" if form == "int8" else "fp8"


def _refusal(way: Candidate, example: nn.Linear) -> str | None:
    """Why a way to multiply does not work on a layer's device and format, if it does not."""
    tokens, width, outputs = _PROBE
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        layer = nn.Linear(width, outputs).to(example.weight)
        x = torch.randn(tokens, width, generator=generator).to(example.weight)
        try:
            made = way.make(layer)(x)
        except Exception as error:  # a missing library, or whatever a driver says
            return str(error).strip().split("\n")[0] or type(error).__name__
        exact = layer(x)
        off = float((made - exact).norm() / exact.norm())
    return None if off < MOST_ERROR else f"its result is off by {off:.0%}"
