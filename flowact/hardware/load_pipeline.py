"""Loading a pipeline the way this machine runs it best."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from flowact.hardware.allocator import keep_freed_memory
from flowact.hardware.precision import PrecisionPlan, detect, plan_precision
from flowact.hardware.threads import ThreadPlan, available_threads, plan_threads
from flowact.pipeline import FlowActPipeline
from flowact.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True)
class Loaded:
    """A pipeline and how it was decided to run it."""

    pipeline: FlowActPipeline
    precision: PrecisionPlan
    threads: ThreadPlan


def load_pipeline(checkpoint: Path | None = None, threads: int | None = None) -> Loaded:
    """Load a checkpoint in the best precision for this machine and set PyTorch's threads.

    Args:
        checkpoint: folder of the weights; without it the one that comes with the repository.
        threads: how many to use in all; without it as many as there are, up to four.

    Raises:
        UserError: the checkpoint cannot be loaded, or `threads` is below one.
    """
    division = plan_threads(available_threads() if threads is None else threads)
    torch.set_num_threads(division.per_operator)
    keep_freed_memory()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = plan_precision(detect(device))
    pipeline = FlowActPipeline.from_pretrained(
        checkpoint, dtype=getattr(torch, precision.dtype), device=device
    )
    if not isinstance(pipeline.tokenizer, Tokenizer):
        return Loaded(pipeline, replace(precision, decoder="native"), division)
    if precision.decoder == "int8" and not pipeline.tokenizer.use_int8():
        precision = replace(precision, decoder="native")
    if division.concurrent:
        # As many helpers as threads that paint: of the default two threads each is one.
        pipeline.tokenizer.set_executor(ThreadPoolExecutor(division.per_operator, "flowact-face"))
    return Loaded(pipeline, precision, division)
