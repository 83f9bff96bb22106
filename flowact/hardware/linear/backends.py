"""Libraries that multiply in eight bits, each behind the same call: a trained layer in, one for inference out.

`torch` is our own `QuantisedLinear`, and the only one whose results do not depend on a session's neighbours
by construction. The others are asked for by name and must be installed. They are no extras of ours: diffusers
imports a torchao that is there with every command, slowly and with warnings, and Transformer Engine weighs
several hundred megabytes. So they are imported where they are used. torchao's INT8 was run on a processor, its
FP8 refuses to run there; Transformer Engine was never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowact.hardware.linear.switch import Backend
from flowact.mmdit.quantised import EightBits, Granularity, LinearMaker, QuantisedLinear

TE_ROWS: Final = 16
"""Transformer Engine multiplies whole multiples of so many tokens."""


class Candidate(NamedTuple):
    """A way to multiply in eight bits.

    Attributes:
        label: its name, for people.
        make: makes its layers.
    """

    label: str
    make: LinearMaker


def candidates(form: EightBits, backend: Backend) -> list[Candidate]:
    """Ways to multiply in a format, the most accurate first; a device may refuse any of them."""
    return _MAKERS[backend](form)


def _torch(form: EightBits) -> list[Candidate]:
    scales: tuple[Granularity, ...] = ("row", "tensor") if form == "fp8" else ("row",)
    return [
        Candidate(
            f"{form} per {granularity}",
            partial(QuantisedLinear, form=form, granularity=granularity),
        )
        for granularity in scales
    ]


def _torchao(form: EightBits) -> list[Candidate]:
    return [Candidate(f"{form} by torchao", partial(_make_torchao, form))]


def _make_torchao(form: EightBits, trained: nn.Linear) -> nn.Module:
    quantization = import_module("torchao.quantization")  # no extra of ours, see the module
    config = (
        quantization.Int8DynamicActivationInt8WeightConfig()
        if form == "int8"
        else quantization.Float8DynamicActivationFloat8WeightConfig(
            granularity=quantization.PerRow()
        )
    )
    copied = nn.Linear(trained.in_features, trained.out_features, trained.bias is not None, "meta")
    copied.load_state_dict(trained.state_dict(), assign=True)
    holder = nn.Sequential(copied.requires_grad_(False))
    quantization.quantize_(holder, config)
    return _TokenRows(holder[0], trained.out_features)


class _TokenRows(nn.Module):
    """Gives a layer tokens as the rows of one matrix, the only shape that every library takes."""

    def __init__(self, layer: nn.Module, outputs: int) -> None:
        super().__init__()
        self.layer, self._outputs = layer, outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., in]` to `[..., out]`."""
        tokens = x.flatten(0, -2)
        made: Tensor = self.layer(tokens) if len(tokens) else tokens.new_zeros(0, self._outputs)
        return made.unflatten(0, x.shape[:-1])


def _te(form: EightBits) -> list[Candidate]:
    if form != "fp8":
        raise ValueError(f"Transformer Engine multiplies in fp8, not in {form}")
    return [Candidate("fp8 by Transformer Engine", TransformerEngineLinear)]


class TransformerEngineLinear(nn.Module):
    """A layer of NVIDIA's Transformer Engine, FP8 with one scale for all tokens of a call.

    So a session's latents depend a little on its neighbours. Written after the library's documentation and
    never run here: it needs a GPU of sm_89 or later.
    """

    def __init__(self, trained: nn.Linear) -> None:
        super().__init__()
        te = import_module("transformer_engine.pytorch")
        recipe = import_module("transformer_engine.common.recipe").Float8CurrentScaling()
        weight = trained.weight
        self.layer: Any = te.Linear(
            trained.in_features,
            trained.out_features,
            bias=trained.bias is not None,
            params_dtype=weight.dtype,
            device=str(weight.device),
        )
        with torch.no_grad():
            self.layer.weight.copy_(weight)
            if trained.bias is not None:
                self.layer.bias.copy_(trained.bias)
        self._autocast = partial(te.autocast, enabled=True, recipe=recipe)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., in]` to `[..., out]`."""
        tokens = x.flatten(0, -2)
        filled = F.pad(tokens, (0, 0, 0, -len(tokens) % TE_ROWS))
        with self._autocast():
            made: Tensor = self.layer(filled)
        return made[: len(tokens)].unflatten(0, x.shape[:-1])


_MAKERS: Final[Mapping[Backend, Any]] = {"torch": _torch, "torchao": _torchao, "te": _te}
