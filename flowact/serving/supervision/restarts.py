"""How workers that die in a row are replaced: at once, more slowly, without their sessions, at last not at all."""

from __future__ import annotations

from typing import Final

SUSPECTED: Final = 3
"""Deaths in a row after which sessions are taken for the cause: they end, and the worker goes on without."""
MOST_IN_A_ROW: Final = 6
"""Deaths in a row after which no further worker is started."""
FIRST_PAUSE: Final = 0.5
"""Seconds before the second replacement in a row; every further one takes twice as long."""


class Restarts:
    """How a worker that dies again and again is replaced: at once, then more slowly, and not for ever.

    Counts the deaths of workers that were never healthy in between.

    Attributes:
        in_a_row: how many there were.
    """

    def __init__(self) -> None:
        self.in_a_row = 0

    def died(self) -> None:
        """Count a death."""
        self.in_a_row += 1

    def settled(self) -> None:
        """Forget all deaths: a worker is healthy."""
        self.in_a_row = 0

    @property
    def pause(self) -> float:
        """Seconds to wait before the next replacement."""
        return FIRST_PAUSE * 2 ** (self.in_a_row - 2) if self.in_a_row > 1 else 0.0

    @property
    def sessions_suspected(self) -> bool:
        """Whether a session may be what kills the workers."""
        return self.in_a_row >= SUSPECTED

    @property
    def exhausted(self) -> bool:
        """Whether to give up."""
        return self.in_a_row >= MOST_IN_A_ROW
