"""Who may have a session: so many at once, the others wait in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from flowact.errors import UserError

MOST_WAITING: Final = 50


class Admission:
    """A fixed number of places and a line of those who wait for one.

    Args:
        places: sessions at once.

    Attributes:
        taken: how many there are.
        filled: how often the last place was taken.
    """

    def __init__(self, places: int) -> None:
        if places < 1:
            raise ValueError(f"places must be at least 1, got {places}")
        self.places, self.taken, self.filled = places, 0, 0
        self._line: list[object] = []
        self._moved = asyncio.Condition()

    @asynccontextmanager
    async def line(self) -> AsyncIterator[object]:
        """Join the end of the line; leaving the block leaves the line.

        Raises:
            UserError: too many wait already.
        """
        if len(self._line) >= MOST_WAITING:
            raise UserError("Too many visitors are waiting; try again in some minutes.")
        me = object()
        self._line.append(me)
        try:
            yield me
        finally:
            if me in self._line:
                self._line.remove(me)
            async with self._moved:
                self._moved.notify_all()

    def try_enter(self, me: object) -> bool:
        """Take a place if one is free and nobody is before `me`."""
        if self.taken >= self.places or not self._line or self._line[0] is not me:
            return False
        self._line.remove(me)
        self.taken += 1
        self.filled += self.taken == self.places
        return True

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    def position(self, me: object) -> int:
        """Return the place in the line, from 1."""
        return self._line.index(me) + 1

    async def moved(self) -> None:
        """Wait until somebody has left."""
        async with self._moved:
            await self._moved.wait()

    async def leave(self) -> None:
        """Give a place back."""
        self.taken -= 1
        async with self._moved:
            self._moved.notify_all()
