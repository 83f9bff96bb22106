"""Stages of the pipeline: each says what it takes and gives, and is timed without asking."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import ClassVar, Generic, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
State = TypeVar("State")


class StageTimes:
    """Seconds that every run of every stage took, newest last; safe to write from several threads.

    Attributes:
        keep: how many runs of a stage are remembered, so that an endless stream costs no memory.
    """

    def __init__(self, keep: int = 10_000) -> None:
        self.keep = keep
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, stage: str, seconds: float) -> None:
        """Record one run."""
        with self._lock:
            runs = self._seconds[stage]
            runs.append(seconds)
            del runs[: -self.keep]

    def seconds(self, stage: str) -> list[float]:
        """Return the remembered runs of a stage."""
        with self._lock:
            return list(self._seconds[stage])

    @property
    def stages(self) -> list[str]:
        """Names of the stages that have run, in the order in which they first did."""
        with self._lock:
            return [name for name, runs in self._seconds.items() if runs]


class PipelineStage(ABC, Generic[State, Given, Made]):
    """A step from one kind of chunk to the next, with all that it remembers in an explicit state.

    Attributes:
        name: how the times call it.
        takes: type of what it is given.
        gives: type of what it makes.
    """

    name: ClassVar[str]
    takes: ClassVar[type]
    gives: ClassVar[type]

    @abstractmethod
    def run(self, state: State, given: Given) -> tuple[State, Made]:
        """Make one chunk; `state` is not changed."""

    def over(self, state: State, chunks: Iterable[Given], times: StageTimes) -> Iterator[Made]:
        """Run over a stream of chunks, one at a time as they are asked for, and time each run."""
        for chunk in chunks:
            start = time.perf_counter()
            state, made = self.run(state, chunk)
            times.add(self.name, time.perf_counter() - start)
            yield made
