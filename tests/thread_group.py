"""Ranks as threads of one process: the fast stand-in for a group of processes."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class ThreadGroup:
    def __init__(self, rank: int, parts: list[Tensor | None], barrier: threading.Barrier) -> None:
        self.rank, self.size = rank, len(parts)
        self._parts, self._barrier = parts, barrier

    def all_gather(self, part: Tensor) -> Tensor:
        return torch.stack(self._exchanged(part))

    def all_to_all(self, parts: Tensor) -> Tensor:
        return torch.stack([theirs[self.rank] for theirs in self._exchanged(parts)])

    def _exchanged(self, part: Tensor) -> list[Tensor]:
        self._parts[self.rank] = part.clone()
        self._barrier.wait(30)
        everybody = [theirs for theirs in self._parts if theirs is not None]
        assert len({theirs.shape for theirs in everybody}) == 1  # as collectives demand
        self._barrier.wait(30)
        return everybody


def on_ranks(size: int, work: Callable[[ThreadGroup], T]) -> list[T]:
    """What `work` returns on each of `size` ranks."""
    parts: list[Tensor | None] = [None] * size
    barrier = threading.Barrier(size)

    def on_rank(rank: int) -> T:
        try:
            with torch.inference_mode():
                return work(ThreadGroup(rank, parts, barrier))
        except BaseException:
            barrier.abort()  # nobody waits for a rank that failed
            raise

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(on_rank, range(size)))
