"""Denoising schedules as data: a matrix of noise levels, call x chunk.

Row `r` holds the noise level of every chunk of the stream before call `r` (1 noise, 0 clean), the
last row what they are after the last call. A schedule begins with a stream of pure noise and ends
when the leading chunk is clean. Then that chunk leaves, the others move up, and pure noise enters;
the row that equals those levels is where the next chunk's calls begin.

The diagonal matrix is FlowAct-R1's denoising stream (arXiv 2601.10103): its first rows warm the
stream up, so that the first chunk costs as many calls as it has levels, and every later chunk one.
In the sequential matrix a chunk starts only when the one before it is clean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from torch import Tensor

Level = TypeVar("Level", float, Tensor)
Levels = tuple[float, ...]
"""Noise levels of the chunks of a stream, the leading chunk first."""


@dataclass(frozen=True)
class Schedule:
    """A named matrix of noise levels."""

    name: str
    rows: tuple[Levels, ...]

    @property
    def chunks(self) -> int:
        """Chunks in the stream."""
        return len(self.rows[0])

    def calls_from(self, levels: Levels) -> Iterator[tuple[Levels, Levels]]:
        """Yield the levels before and after each call that the leading chunk still needs.

        Raises:
            ValueError: if no row of the matrix has these levels.
        """
        if levels not in self.rows:
            raise ValueError(
                f"the stream's levels {_format(levels)} are no row of this schedule:\n{self}"
            )
        return pairwise(self.rows[self.rows.index(levels) :])

    def after_emission(self) -> Levels:
        """Levels of the stream when the clean chunk has left and noise has entered."""
        return (*self.rows[-1][1:], self.rows[0][-1])

    def __str__(self) -> str:
        """Print the matrix, one call a line."""
        lines = [f"{row:>3}  {_format(levels)}" for row, levels in enumerate(self.rows)]
        return "\n".join([self.name, *lines])


def diagonal(chunks: int = 3, calls_per_chunk: int = 1, shift: float = 1.0) -> Schedule:
    """Stagger the chunks evenly; `chunks * calls_per_chunk` calls clean a chunk.

    Args:
        chunks: chunks in the stream.
        calls_per_chunk: calls between two emissions.
        shift: spends more of the calls on high noise when above 1; see `shifted`.
    """
    calls = _positive("chunks", chunks) * _positive("calls_per_chunk", calls_per_chunk)
    rows = [
        [
            min(Fraction(1), Fraction(chunk, chunks) + Fraction(left, calls))
            for chunk in range(chunks)
        ]
        for left in reversed(range(calls + 1))
    ]
    return Schedule("diagonal", _shifted_rows(rows, shift))


def sequential(chunks: int = 3, calls: int = 3, shift: float = 1.0) -> Schedule:
    """Clean the leading chunk in `calls` calls while all later ones stay pure noise."""
    _positive("chunks", chunks)
    rows = [
        [Fraction(left, _positive("calls", calls)), *[Fraction(1)] * (chunks - 1)]
        for left in reversed(range(calls + 1))
    ]
    return Schedule("sequential", _shifted_rows(rows, shift))


def shifted(level: Level, shift: float) -> Level:
    """Move a level towards noise, `s t / (1 + (s - 1) t)` (SD3, arXiv 2403.03206)."""
    return shift * level / (1 + (shift - 1) * level)


def _shifted_rows(rows: list[list[Fraction]], shift: float) -> tuple[Levels, ...]:
    if shift <= 0:
        raise ValueError(f"shift {shift}; expected a positive number")
    return tuple(tuple(shifted(float(level), shift) for level in row) for row in rows)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} {value}; expected at least 1")
    return value


def _format(levels: Levels) -> str:
    return "  ".join(f"{level:.3f}" for level in levels)
