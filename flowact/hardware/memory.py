"""How much memory this process holds, and what it means when there is no more."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch

from flowact.errors import UserError

FULL: Final = "The memory is full: a smaller preset, fewer sessions or a larger device is needed."


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a GPU, or the processor, has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


@contextmanager
def memory_suffices() -> Iterator[None]:
    """Tell a user in one sentence when it does not.

    Raises:
        UserError: the memory is full.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise UserError(FULL) from error
        raise


def peak_rss_mb() -> float:
    """Return the most memory this process has held, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def rss_mb() -> float:
    """Return the memory this process holds now, in megabytes; its peak where that is not told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_rss_mb()
    return pages * resource.getpagesize() / 1e6
