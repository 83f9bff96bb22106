"""How fast the device multiplies and copies at best, in every format that it has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import torch

from flowact.bench.gpu.report import Row, Rows
from flowact.bench.gpu.run import attempt
from flowact.bench.gpu.subject import BenchSubject

SHAPES: Final = ((2025, 3072, 12288), (8192, 8192, 8192))
"""Rows, inputs and outputs: the feed-forward layer of the large preset, and one as large as can be."""
COPIED: Final = 2**30
FP8: Final = torch.float8_e4m3fn


def ceilings(subject: BenchSubject) -> Rows:
    """TFLOP/s of products of random numbers, and TB/s of a copy."""
    shapes = ((64, 64, 64),) if subject.quick else SHAPES
    for rows, inputs, outputs in shapes:
        work = 2e-12 * rows * inputs * outputs
        for name, call in _products(subject, rows, inputs, outputs).items():
            what = f"{name} product, {rows} x {inputs} x {outputs}"
            yield attempt(what, "TFLOP/s", partial(_rate, subject, call, work))
    yield _bandwidth(subject)


def _rate(subject: BenchSubject, call: Callable[[], object], work: float) -> float:
    return round(work / (1e-3 * subject.median_ms(call)), 1)


def _products(
    subject: BenchSubject, rows: int, inputs: int, outputs: int
) -> dict[str, Callable[[], object]]:
    """Products by format; what a device cannot do raises when it is called."""
    device = subject.device
    x = torch.randn(rows, inputs, device=device)
    weight = torch.randn(outputs, inputs, device=device)

    def fp8(by_row: bool) -> object:
        shape_x, shape_w = ((rows, 1), (1, outputs)) if by_row else ((), ())
        return torch._scaled_mm(
            x.to(FP8),
            weight.to(FP8).t(),
            torch.ones(shape_x, device=device),
            torch.ones(shape_w, device=device),
            out_dtype=torch.bfloat16,
        )

    half = (x.to(subject.dtype), weight.to(subject.dtype))
    levels = (x.clamp(-1, 1).mul(127).to(torch.int8), weight.clamp(-1, 1).mul(127).to(torch.int8))
    return {
        str(subject.dtype).removeprefix("torch."): lambda: half[0] @ half[1].t(),
        "int8": lambda: torch._int_mm(levels[0], levels[1].t()),
        "fp8 by row, with its rounding": lambda: fp8(True),
        "fp8 by tensor, with its rounding": lambda: fp8(False),
    }


def _bandwidth(subject: BenchSubject) -> Row:
    """Read and write a gigabyte."""
    size = 2**16 if subject.quick else COPIED
    source = torch.zeros(size, dtype=torch.uint8, device=subject.device)
    target = torch.empty_like(source)
    taken = subject.median_ms(lambda: target.copy_(source))
    return Row("copy in memory", round(2e-12 * size / (1e-3 * taken), 3), "TB/s")
