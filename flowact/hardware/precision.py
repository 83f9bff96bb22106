"""Which number formats to compute in: a pure function of what the machine can do.

On CPUs bfloat16 pays only with instructions for it, and not on every processor that claims them,
so a measurement of about a second decides. float16 is never used there: it is emulated. The
decoder's convolutions are made of bytes where the processor multiplies those faster still.

On GPUs the formats follow the compute capability. sm_80 (A100) has no FP8 arithmetic: its fast
format is INT8, and FP8 only saves memory. sm_89 and sm_90 multiply in FP8, sm_100 in MXFP8.
"""

from __future__ import annotations

import copy
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import torch

from flowact.tokenizer.int8 import Int8ResidualBlock, QuantParams
from flowact.tokenizer.layers import ResidualBlock, to_channels_last

Dtype = Literal["float32", "bfloat16", "float16"]
DecoderFormat = Literal["native", "int8"]
LinearFormat = Literal["native", "int8", "fp8", "mxfp8"]

CPU_BF16_FLAGS: Final = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
"""Names in /proc/cpuinfo, x86 and ARM, of instructions that multiply bfloat16."""
CPU_INT8_FLAGS: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Names of instructions that multiply bytes; without them a sum of products may overflow."""
WORTHWHILE: Final = 1.3
"""A format must be this much faster than the one it replaces to be worth its rounding."""


@dataclass(frozen=True)
class Capability:
    """What a device can do.

    Attributes:
        device: `cpu` or `cuda`.
        cpu_flags: instruction sets of the processor.
        bf16_speedup: time in float32 over time in bfloat16; None if it was not measured.
        int8_speedup: time of the decoder's convolutions in the faster of those two over that in bytes.
        compute: compute capability of the GPU, `(9, 0)` for an H100.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    cpu_flags: frozenset[str] = frozenset()
    bf16_speedup: float | None = None
    int8_speedup: float | None = None
    compute: tuple[int, int] | None = None


@dataclass(frozen=True)
class PrecisionPlan:
    """What to compute in.

    `dtype` and `decoder` are what `load_pipeline` applies. `linear` and `memory` are what large presets
    gain from; the default model is so small that quantising would cost more than it saves.

    Attributes:
        dtype: format of weights and activations.
        linear: arithmetic of the transformer's large matrix products.
        memory: format in which the memory's keys and values are kept.
        reason: why, for people.
        decoder: arithmetic of the tokenizer's decoder, of its 3x3 convolutions.
    """

    dtype: Dtype
    linear: LinearFormat
    memory: Literal["native", "fp8"]
    reason: str
    decoder: DecoderFormat = "native"


def plan_precision(capability: Capability) -> PrecisionPlan:
    """Choose the formats for a device.

    Raises:
        ValueError: a CUDA device without its compute capability.
    """
    if capability.device == "cpu":
        return _plan_cpu(capability)
    if capability.compute is None:
        raise ValueError("compute must be given for a cuda device, got None")
    return _plan_cuda(capability.compute)


def _plan_cpu(capability: Capability) -> PrecisionPlan:
    dtype, reason = _plan_cpu_dtype(capability)
    quick = bool(capability.cpu_flags & CPU_INT8_FLAGS)
    worthwhile = quick and (capability.int8_speedup or 0.0) >= WORTHWHILE
    decoder: DecoderFormat = "int8" if worthwhile else "native"
    return PrecisionPlan(dtype, "native", "native", reason, decoder)


def _plan_cpu_dtype(capability: Capability) -> tuple[Dtype, str]:
    """Format of a processor's activations, and why."""
    if not capability.cpu_flags & CPU_BF16_FLAGS:
        return "float32", "the processor has no bfloat16"
    speedup = capability.bf16_speedup
    if speedup is None:
        return "bfloat16", "bfloat16 in hardware, not measured"
    if speedup < WORTHWHILE:
        return "float32", f"bfloat16 is only {speedup:.1f} times as fast as float32 here"
    return "bfloat16", f"bfloat16 in hardware, {speedup:.1f} times as fast as float32"


def _plan_cuda(compute: tuple[int, int]) -> PrecisionPlan:
    name = f"sm_{compute[0]}{compute[1]}"
    if compute >= (10, 0):
        return PrecisionPlan("bfloat16", "mxfp8", "fp8", f"{name} multiplies in MXFP8")
    if compute >= (8, 9):
        return PrecisionPlan("bfloat16", "fp8", "fp8", f"{name} multiplies in FP8")
    if compute >= (8, 0):
        return PrecisionPlan("bfloat16", "int8", "fp8", f"{name}: INT8 is fast, FP8 only stores")
    if compute >= (7, 0):
        return PrecisionPlan("float16", "native", "native", f"{name} has no bfloat16")
    return PrecisionPlan("float32", "native", "native", f"{name} has no fast half precision")


def detect(device: str = "cpu", *, self_test: bool = True) -> Capability:
    """Ask this machine; measure for about a second what a processor says it can do."""
    if device != "cpu":
        return Capability("cuda", compute=torch.cuda.get_device_capability(device))
    flags = _cpu_flags()
    return Capability(
        "cpu",
        flags,
        bf16_speedup() if self_test and flags & CPU_BF16_FLAGS else None,
        int8_speedup() if self_test and flags & CPU_INT8_FLAGS else None,
    )


def bf16_speedup(seconds: float = 0.8) -> float:
    """Return how many times faster bfloat16 is than float32 at a transformer's matrix product."""
    layer, x = torch.nn.Linear(512, 2048), torch.randn(512, 512)
    formats = (torch.float32, torch.bfloat16)
    with torch.inference_mode():
        slow, quick = _best_times(
            [partial(copy.deepcopy(layer).to(dtype), x.to(dtype)) for dtype in formats], seconds
        )
    return slow / quick


def int8_speedup(seconds: float = 0.6) -> float:
    """Return how many times faster bytes are than the faster of float32 and bfloat16 in a residual block."""
    steps, formats = QuantParams.over(-4.0, 4.0), (torch.float32, torch.bfloat16)
    x = torch.randn(4, 64, 60, 60).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        blocks = [ResidualBlock(64) for _ in range(4)]
        for block in blocks:
            to_channels_last(block)
        bytewise = [Int8ResidualBlock(block, steps, steps) for block in blocks[2:]]
        pairs = zip([*blocks[:2], *bytewise], 2 * formats, strict=True)
        times = _best_times([partial(b.to(dtype), x.to(dtype)) for b, dtype in pairs], seconds)
    return min(times[:2]) / min(times[2:])


def _best_times(
    calls: Sequence[Callable[[], object]], seconds: float, at_least: int = 5
) -> list[float]:
    """Time calls in turn for some seconds in all; on a machine too busy for that, each a few times.

    Other programs only ever make a call slower, so the best time counts; taking turns gives each call
    its share of the quiet moments.
    """
    for call in calls:
        call()
    best, runs, end = [math.inf] * len(calls), 0, time.perf_counter() + seconds
    while runs < at_least or time.perf_counter() < end:
        for index, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - start)
        runs += 1
    return best


def _cpu_flags() -> frozenset[str]:
    """Read the processor's flags where the system tells them."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        named = [line for line in lines if line.lower().startswith(("flags", "features"))]
        return frozenset(named[0].split(":", 1)[1].split()) if named else frozenset()
    # Apple's M2 and later have bfloat16; the measurement decides where an M1 says otherwise.
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return frozenset({"bf16"}) if apple else frozenset()
