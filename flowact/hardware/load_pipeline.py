"""Loading a pipeline the way this machine runs it best."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from flowact.hardware.allocator import keep_freed_memory
from flowact.hardware.devices import choose_devices
from flowact.hardware.linear.choice import apply_linear
from flowact.hardware.linear.offered import read_formats, refusals
from flowact.hardware.linear.switch import NATIVE, parse_linear
from flowact.hardware.memory import memory_suffices
from flowact.hardware.precision import PrecisionPlan, detect, plan_precision
from flowact.hardware.threads import ThreadPlan, available_threads, plan_threads
from flowact.mmdit.packed import pack
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.components import find_checkpoint, move_network
from flowact.pipeline.from_preset import check_preset, random_pipeline
from flowact.presets import DEFAULT, load_preset
from flowact.tokenizer.convolutions.fused import can_fuse, fuse
from flowact.tokenizer.tokenizer import Tokenizer

_log = logging.getLogger(__name__)

RANDOM: Final = "The preset %s has no weights here: random ones show its speed and nothing else."


@dataclass(frozen=True)
class Loaded:
    """A pipeline and how it was decided to run it; `linear` is what the plan's became on this device."""

    pipeline: FlowActPipeline
    precision: PrecisionPlan
    threads: ThreadPlan
    devices: tuple[torch.device, ...] = (torch.device("cpu"),)
    linear: str = NATIVE


def load_pipeline(
    checkpoint: Path | None = None,
    threads: int | None = None,
    preset: str | None = None,
    devices: str | None = None,
    *,
    linear: str = "auto",
    precision: PrecisionPlan | None = None,
) -> Loaded:
    """Load a checkpoint in the best precision for this machine and set PyTorch's threads.

    Args:
        checkpoint: folder of the weights; without it the one that comes with the repository.
        threads: how many to use in all; without it as many as there are, up to four.
        preset: sizes that the checkpoint must have; without one of them, and unless it is `default`,
            random weights of these sizes.
        devices: names with commas between; the transformer is on the first, the decoder on the last.
        linear: arithmetic of the video layers, as `--linear` says.
        precision: number formats that were decided elsewhere; without it this machine is measured.

    Raises:
        UserError: the checkpoint cannot be loaded or is of another preset, `threads` is below one, a
            device is not there, its memory is too small, or `linear` is unknown.
    """
    choice = parse_linear(linear)
    division = plan_threads(available_threads() if threads is None else threads)
    chosen = choose_devices(devices)
    torch.set_num_threads(division.per_operator)
    keep_freed_memory()
    precision = precision or plan_precision(detect(str(chosen[0])))
    weightless = preset not in (None, DEFAULT) and checkpoint is None
    refused = {} if weightless else refusals(read_formats(find_checkpoint(checkpoint)))
    with memory_suffices():
        pipeline = _pipeline(checkpoint, preset, getattr(torch, precision.dtype), chosen)
        applied = apply_linear(pipeline.transformer, choice, precision.linear, refused)
        pack(pipeline.transformer)
    pipeline.transformer.memory_format = precision.memory
    return _tuned(Loaded(pipeline, precision, division, chosen, applied))


def _pipeline(
    checkpoint: Path | None,
    preset: str | None,
    dtype: torch.dtype,
    devices: Sequence[torch.device],
) -> FlowActPipeline:
    """Load or make the networks and put them where they belong."""
    if preset is not None and preset != DEFAULT and checkpoint is None:
        _log.warning(RANDOM, preset)
        pipeline = random_pipeline(load_preset(preset), dtype=dtype, device=devices[0])
    else:
        pipeline = FlowActPipeline.from_pretrained(checkpoint, dtype=dtype, device=devices[0])
        if preset is not None:
            check_preset(pipeline, load_preset(preset))
    if isinstance(pipeline.tokenizer, torch.nn.Module):
        move_network(pipeline.tokenizer, devices[-1], None)
    return pipeline


def _tuned(loaded: Loaded) -> Loaded:
    """Let our own decoder compute in eight bits, fused, and in several threads, where that is quicker."""
    pipeline, precision, division = loaded.pipeline, loaded.precision, loaded.threads
    if not isinstance(pipeline.tokenizer, Tokenizer):
        return replace(loaded, precision=replace(precision, decoder="native"))
    if precision.decoder == "int8" and not pipeline.tokenizer.use_int8():
        precision = replace(precision, decoder="native")
    for view in (pipeline.tokenizer.whole, pipeline.tokenizer.face):
        if can_fuse(view.decoder):
            fuse(view.decoder)
    if division.concurrent:
        # As many helpers as threads that paint: of the default two threads each is one.
        pipeline.tokenizer.set_executor(ThreadPoolExecutor(division.per_operator, "flowact-face"))
    return replace(loaded, precision=precision)
