"""Which number formats to compute in: a pure function of what the machine can do.

On CPUs bfloat16 pays only with instructions for it, and not on every processor that claims them,
so a measurement of about a second decides. float16 is never used there: it is emulated. The
decoder's convolutions, and the transformer's video layers, are made of bytes where that is faster still.

On GPUs the formats follow the compute capability. sm_80 (A100) has no FP8 arithmetic: its fast
format is INT8, and FP8 only saves memory. sm_89 and sm_90 multiply in FP8, sm_100 in MXFP8.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch

from flowact.hardware.speedups import bf16_speedup, int8_speedup, linear_speedup

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
        linear_speedup: time of a block of the transformer in the faster of those two over that with its
            video layers in bytes.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    cpu_flags: frozenset[str] = frozenset()
    bf16_speedup: float | None = None
    int8_speedup: float | None = None
    compute: tuple[int, int] | None = None
    linear_speedup: float | None = None


@dataclass(frozen=True)
class PrecisionPlan:
    """What to compute in.

    `load_pipeline` applies all of it, as far as the device obeys.

    Attributes:
        dtype: format of weights and activations.
        linear: arithmetic of the transformer's large matrix products, those of the video layers.
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
    bytewise = quick and (capability.linear_speedup or 0.0) >= WORTHWHILE
    return PrecisionPlan(dtype, "int8" if bytewise else "native", "native", reason, decoder)


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
        linear_speedup=linear_speedup() if self_test and flags & CPU_INT8_FLAGS else None,
    )


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
