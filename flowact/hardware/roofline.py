"""How fast a network could run: arithmetic and memory traffic against a device's limits.

For every operator that does arithmetic (matrix products, convolutions, attention)

    seconds = launch + max(FLOPs / peak FLOP/s, bytes / peak bytes/s) / utilisation

FLOPs are counted by PyTorch on the meta device, so nothing is allocated and nothing is computed.
Bytes are those of the operator's inputs and outputs. Everything between two such operators is taken
to be fused into them, and so is the attention: its scores never leave the chip (FlashAttention).
After Williams et al., "Roofline: an insightful visual performance model", 2009.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
_LINEAR: Final = (aten.mm, aten.addmm)

UTILISATION: Final = 0.45
"""Share of the data-sheet numbers that large transformers and convolutions usually reach."""
LAUNCH_SECONDS: Final = 4e-6
"""Cost of starting one operator."""


@dataclass(frozen=True)
class Gpu:
    """Data-sheet numbers of a device, dense: TFLOP/s (TOP/s) by format, and TB/s of its memory."""

    name: str
    compute: tuple[int, int]
    tflops: dict[str, float]
    bandwidth: float


GPUS: Final = (
    Gpu("A100 SXM 80 GB", (8, 0), {"native": 312, "int8": 624}, 2.04),
    Gpu("H100 SXM 80 GB", (9, 0), {"native": 989, "int8": 1979, "fp8": 1979}, 3.35),
)


@dataclass(frozen=True)
class Operator:
    """One arithmetic operator: its work, the numbers it moves, and whether it has weights."""

    flops: float
    numbers: int
    is_linear: bool


class OperatorCounter(TorchDispatchMode):
    """Record every arithmetic operator that runs inside the `with` block."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators: list[Operator] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet in flop_registry:
            flops = float(flop_registry[packet](*args, **(kwargs or {}), out_val=out))
            moved = _sizes((args, out))
            scores = max(moved) if packet == aten.bmm else 0
            self.operators.append(Operator(flops, sum(moved) - scores, packet in _LINEAR))
        return out


def _sizes(tree: Any) -> list[int]:
    return [leaf.numel() for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def count(call: Callable[[], object]) -> list[Operator]:
    """Return the arithmetic operators that a call on meta tensors runs."""
    counter = OperatorCounter()
    with torch.no_grad(), counter:
        call()
    return counter.operators


def seconds(
    operators: list[Operator], gpu: Gpu, linear: str = "native", utilisation: float = UTILISATION
) -> float:
    """Predict the time of operators that run one after the other.

    Args:
        operators: what `count` returned.
        gpu: the device.
        linear: format of the matrix products with weights, a key of `gpu.tflops`; the rest is bf16.
        utilisation: share of the device's peaks that is reached, 0..1.
    """
    return sum(_operator_seconds(operator, gpu, linear, utilisation) for operator in operators)


def _operator_seconds(operator: Operator, gpu: Gpu, linear: str, utilisation: float) -> float:
    form = linear if operator.is_linear else "native"
    size = 2 if form == "native" else 1
    arithmetic = operator.flops / (gpu.tflops[form] * 1e12)
    traffic = operator.numbers * size / (gpu.bandwidth * 1e12)
    return LAUNCH_SECONDS + max(arithmetic, traffic) / utilisation
