"""The sections of the benchmark, those that tell most first, and what they measure."""

from __future__ import annotations

from typing import Final

import torch

from flowact.bench.gpu.ceilings import ceilings
from flowact.bench.gpu.decoders import decoders
from flowact.bench.gpu.profile import energy, profiled
from flowact.bench.gpu.run import BenchSection
from flowact.bench.gpu.shipped import shipped
from flowact.bench.gpu.streams import streams
from flowact.bench.gpu.subject import BenchSubject
from flowact.bench.gpu.transformer import transformers
from flowact.hardware.devices import choose_devices
from flowact.hardware.precision import Capability, plan_precision
from flowact.presets import load_preset

SECTIONS: Final = (
    BenchSection("ceilings", 30, ceilings),
    BenchSection("streams", 120, streams),
    BenchSection("decoders", 80, decoders),
    BenchSection("transformers", 150, transformers),
    BenchSection("shipped", 80, shipped),
    BenchSection("profile", 40, profiled),
    BenchSection("energy", 30, energy),
)
"""Limits that add up to less than nine minutes."""

PRESETS: Final = ("medium", "large")


def choose_subject(preset: str | None, devices: str | None, seconds: float) -> BenchSubject:
    """What to measure: a preset or all large ones, on a GPU or, for a dry run, on the processor.

    Raises:
        UserError: there is no such preset or device.
    """
    device = choose_devices(devices)[0]
    presets = tuple(load_preset(name) for name in ([preset] if preset else PRESETS))
    if device.type == "cpu":
        return BenchSubject(device, torch.float32, presets, seconds=0.5, quick=True)
    compute = torch.cuda.get_device_capability(device)
    plan = plan_precision(Capability("cuda", compute=compute))
    return BenchSubject(device, getattr(torch, plan.dtype), presets, seconds)
