"""Loading a pipeline the way this machine runs it best."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from flowact.hardware.allocator import keep_freed_memory
from flowact.hardware.linear.choice import NATIVE, apply_linear, parse_linear
from flowact.hardware.linear.offered import read_formats, refusals
from flowact.hardware.precision import PrecisionPlan, detect, plan_precision
from flowact.hardware.threads import ThreadPlan, available_threads, plan_threads
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.components import find_checkpoint
from flowact.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Loaded:
    """A pipeline and how it was decided to run it; `linear` is what the plan's became on this device."""

    pipeline: FlowActPipeline
    precision: PrecisionPlan
    threads: ThreadPlan
    linear: str = NATIVE


def load_pipeline(
    checkpoint: Path | None = None,
    threads: int | None = None,
    *,
    linear: str = "auto",
    precision: PrecisionPlan | None = None,
) -> Loaded:
    """Load a checkpoint in the best precision for this machine and set PyTorch's threads.

    Args:
        checkpoint: folder of the weights; without it the one that comes with the repository.
        threads: how many to use in all; without it as many as there are, up to four.
        linear: arithmetic of the video layers, as `--linear` says.
        precision: number formats that were decided elsewhere; without it this machine is measured.

    Raises:
        UserError: the checkpoint cannot be loaded, `threads` is below one, or `linear` is unknown.
    """
    choice = parse_linear(linear)
    division = plan_threads(available_threads() if threads is None else threads)
    torch.set_num_threads(division.per_operator)
    keep_freed_memory()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = precision or plan_precision(detect(device))
    pipeline = FlowActPipeline.from_pretrained(
        checkpoint, dtype=getattr(torch, precision.dtype), device=device
    )
    refused = refusals(read_formats(find_checkpoint(checkpoint)))
    applied = apply_linear(pipeline.transformer, choice, precision.linear, refused)
    pipeline.transformer.memory_format = precision.memory
    return _tuned(Loaded(pipeline, precision, division, applied))


def _tuned(loaded: Loaded) -> Loaded:
    """Let our own decoder compute in eight bits, and paint in several threads, where that is quicker."""
    pipeline, precision, division = loaded.pipeline, loaded.precision, loaded.threads
    if not isinstance(pipeline.tokenizer, Tokenizer):
        return replace(loaded, precision=replace(precision, decoder="native"))
    if precision.decoder == "int8" and not pipeline.tokenizer.use_int8():
        precision = replace(precision, decoder="native")
    if division.concurrent:
        # As many helpers as threads that paint: of the default two threads each is one.
        pipeline.tokenizer.set_executor(ThreadPoolExecutor(division.per_operator, "flowact-face"))
    return replace(loaded, precision=precision)
