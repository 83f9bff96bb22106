"""What a chunk's denoising costs: every preset, in every format, by every kernel of attention."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from flowact.bench.gpu.report import Row, Rows
from flowact.bench.gpu.run import attempt
from flowact.bench.gpu.subject import BenchSubject, difference
from flowact.hardware.roofline import seconds
from flowact.hardware.workload import count_work
from flowact.mmdit.model import FlowActTransformer
from flowact.mmdit.quantised import EightBits, QuantisedLinear, quantise
from flowact.presets import Preset
from flowact.streaming.settings import StepSettings
from flowact.streaming.step import step

FORMATS: Final[tuple[EightBits, ...]] = ("fp8", "int8")
KERNELS: Final = {"flash": SDPBackend.FLASH_ATTENTION, "cuDNN": SDPBackend.CUDNN_ATTENTION}
WARM: Final = 6
"""Chunks after which the memory is full."""


def transformers(subject: BenchSubject) -> Rows:
    """Milliseconds of a whole step, plain, then quicker ways and what they change."""
    for preset in reversed(subject.presets):
        model = subject.transformer(preset)
        run = _step(subject, preset, model)
        work = count_work(preset)
        predicted = None
        if subject.gpu is not None:
            predicted = round(1e3 * seconds([*work.memory, *work.denoise], subject.gpu), 1)
        plain = subject.median_ms(run)
        yield Row(f"{preset.name}: a step", plain, "ms", predicted)
        flops = sum(operator.flops for operator in (*work.memory, *work.denoise))
        yield Row(f"{preset.name}: arithmetic", round(1e-9 * flops / plain, 2), "TFLOP/s")
        yield from _kernels(subject, preset, run)
        yield from _compiled(subject, preset, model, run)
        yield from _eight_bits(subject, preset)
        del model, run


def _kernels(subject: BenchSubject, preset: Preset, run: Callable[[], Tensor]) -> Rows:
    if subject.device.type != "cuda":
        return
    for name, kernel in KERNELS.items():

        def chosen(kernel: SDPBackend = kernel) -> Tensor:
            with sdpa_kernel(kernel):
                return run()

        measure = partial(subject.median_ms, chosen)
        yield attempt(f"{preset.name}: a step, {name} attention", "ms", measure)


def _compiled(
    subject: BenchSubject, preset: Preset, model: FlowActTransformer, run: Callable[[], Tensor]
) -> Rows:
    """Every block compiled for itself: one graph that all of them share."""
    if subject.device.type != "cuda":
        return
    for block in model.blocks:
        block.compile(dynamic=False)
    yield attempt(f"{preset.name}: a step, blocks compiled", "ms", lambda: subject.median_ms(run))


def _eight_bits(subject: BenchSubject, preset: Preset) -> Rows:
    """Linear layers of the video tokens in eight bits, and how far the latents move."""
    for form in FORMATS:
        torch.manual_seed(0)
        model = subject.transformer(preset)
        run = _step(subject, preset, model)
        truth = run()

        def measure(
            form: EightBits = form,
            model: FlowActTransformer = model,
            run: Callable[[], Tensor] = run,
        ) -> float:
            quantise(model, partial(QuantisedLinear, form=form))
            return subject.median_ms(run)

        row = attempt(f"{preset.name}: a step, {form} by row, not compiled", "ms", measure)
        yield row
        if row.value is not None:
            yield Row(f"{preset.name}: {form}, change of the latents", difference(run(), truth), "")
        del model, run, measure


def _step(subject: BenchSubject, preset: Preset, model: FlowActTransformer) -> Callable[[], Tensor]:
    """A step of a session whose memory is full; the same every time."""
    settings = StepSettings()
    state = subject.sessions(preset.transformer, 1, settings)
    conditions = subject.conditions(preset.transformer, state)
    for _ in range(1 if subject.quick else WARM):
        state, _ = step(model, state, conditions, settings)
    return lambda: step(model, state, conditions, settings)[1]
