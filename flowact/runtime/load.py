"""Loading a pipeline the way this machine runs it best."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from flowact.errors import UserError
from flowact.pipeline import FlowActPipeline
from flowact.runtime.allocator import keep_freed_memory
from flowact.runtime.precision import PrecisionPlan, detect, plan_precision
from flowact.tokenizer.tokenizer import Tokenizer

MOST_THREADS = 4
"""More threads than this gain nothing at the size of the default model."""


@dataclass(frozen=True)
class ThreadPlan:
    """How to divide the processor.

    Attributes:
        per_operator: threads that one operator of PyTorch may use.
        concurrent: whether transformer and decoder run at the same time.
    """

    per_operator: int
    concurrent: bool


@dataclass(frozen=True)
class Loaded:
    """A pipeline and how it was decided to run it."""

    pipeline: FlowActPipeline
    precision: PrecisionPlan
    threads: ThreadPlan


def plan_threads(total: int) -> ThreadPlan:
    """Divide `total` threads; with two or more, transformer and decoder get half of them each.

    Raises:
        UserError: `total` is below one.
    """
    if total < 1:
        raise UserError(f"--threads must be at least 1, not {total}.")
    return ThreadPlan(max(1, total // 2), concurrent=total > 1)


def available_threads() -> int:
    """Return the number of processors this process may use, at most four."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, MOST_THREADS)


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
    # As many helpers as threads that paint: of the default two threads each is one.
    if division.concurrent and isinstance(pipeline.tokenizer, Tokenizer):
        pipeline.tokenizer.share_work(ThreadPoolExecutor(division.per_operator, "flowact-face"))
    return Loaded(pipeline, precision, division)
