"""How the threads of the processor are divided between what runs side by side."""

from __future__ import annotations

import os
from dataclasses import dataclass

from flowact.errors import UserError

MOST_THREADS = 4
"""More threads than this gain nothing at the size of the default model."""


@dataclass(frozen=True)
class ThreadPlan:
    """How to divide the processor.

    Attributes:
        total: threads in all.
        per_operator: threads that one operator of PyTorch may use beside others.
        concurrent: whether transformer and decoder run at the same time.
    """

    total: int
    per_operator: int
    concurrent: bool


def plan_threads(total: int) -> ThreadPlan:
    """Divide `total` threads; with two or more, transformer and decoder get half of them each.

    Raises:
        UserError: `total` is below one.
    """
    if total < 1:
        raise UserError(f"--threads must be at least 1, not {total}.")
    return ThreadPlan(total, max(1, total // 2), concurrent=total > 1)


def available_threads() -> int:
    """Return the number of processors this process may use, at most four."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, MOST_THREADS)
