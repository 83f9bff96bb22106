"""One thing that the avatar says: its sound while it is still being made, its words, and where it was stopped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.serving.audio_source import LISTEN_AHEAD
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_CHUNK

Signal = NDArray[np.float32]
PIECES_AHEAD: Final = 8
"""Pieces of sound that are made before they are wanted."""
SAMPLES_UNSEEN: Final = LISTEN_AHEAD + SAMPLES_PER_CHUNK
"""So much is made before any of it is seen, as the first two chunks listen to: a voice that makes more then takes
the processor from the first frames."""
SAMPLES_PER_WORD: Final = SAMPLE_RATE // 3
"""Of usual speech: how long a clause will be while its sound is still being made."""


@dataclass(frozen=True)
class SpokenPiece:
    """Some sound.

    Attributes:
        sound: mono at 16 kHz; may be empty.
        clause: what begins with it; empty inside a clause and for sound without words.
        ends: whether its clause is over with it.
    """

    sound: Signal
    clause: str = ""
    ends: bool = False


@dataclass
class _Mark:
    """A clause and the samples at which it begins and ends; it may not be known yet where it ends."""

    clause: str
    begin: int
    end: int | None = None


class SpokenUtterance:
    """Something to say, made ahead of time by a task of its own.

    It can be stopped and gone on with: what was not heard is kept until `close`.

    Attributes:
        source: what the page calls its origin: "voice" or "recording".
        answers: whether it answers the viewer, and so belongs to the conversation's history.

    Args:
        pieces: makes the sound.
        source, answers: see above.
        before: words of it that were heard from another server.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[SpokenPiece, None],
        source: str,
        *,
        answers: bool = False,
        before: str = "",
    ) -> None:
        self.source, self.answers, self._before = source, answers, before
        self._made: asyncio.Queue[SpokenPiece | Exception | None] = asyncio.Queue(PIECES_AHEAD)
        self._marks: list[_Mark] = []
        self._kept: deque[tuple[int, Signal]] = deque()
        self._taken = self._sent = self._heard = 0
        self._complete = False
        self._seen = asyncio.Event()
        self._making = asyncio.create_task(self._make(pieces))

    async def sounds(self) -> AsyncIterator[Signal]:
        """Yield what has not been heard yet, and then what is being made.

        Raises:
            UserError: it could not be made.
        """
        self._sent = self._heard  # what was sent and not played is sent again
        for _, sound in list(self._kept):
            yield sound
        while not self._complete:
            piece = await self._made.get()
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                self._complete = True
                return
            if piece.clause:
                self._marks.append(_Mark(piece.clause, self._taken))
            if len(piece.sound):
                self._kept.append((self._taken, piece.sound))
                self._taken += len(piece.sound)
                yield piece.sound
            if piece.ends and self._marks:
                self._marks[-1].end = self._taken

    def sent(self, samples: int) -> None:
        """Take note that so many more samples are on their way to the viewer."""
        self._sent = min(self._sent + samples, self._taken)
        self._seen.set()

    def heard(self, samples: int) -> None:
        """Take note that so many more samples have been played, and forget their sound."""
        self._heard = min(self._heard + samples, self._taken)
        while self._kept:
            begin, sound = self._kept[0]
            over = self._heard - begin
            if over <= 0:
                return
            self._kept.popleft()
            if over < len(sound):
                self._kept.appendleft((self._heard, sound[over:]))
                return

    @property
    def clause(self) -> str:
        """The clause that is made into pictures now; it is heard a moment later."""
        begun = [mark.clause for mark in self._marks if mark.begin <= self._sent]
        return begun[-1] if begun else ""

    def words_heard(self) -> str:
        """Return the text as far as it was heard; of the clause in which it stopped, its share of words."""
        said = self._before.split()
        for mark in self._marks:
            said += mark.clause.split()[: self._words_until(mark, self._heard)]
        return " ".join(said)

    def rest(self, text: str, on_their_way: int | None = None) -> str:
        """Return what of a text is still to be said, from the word in which it stops.

        Args:
            text: all that is to be said; its clauses are parts of it, in their order.
            on_their_way: samples that a worker still speaks after those that were sent; without it, all that
                was not heard is to be said.
        """
        stop = self._heard if on_their_way is None else self._sent + on_their_way
        place = 0
        for mark in self._marks:
            begin = text.find(mark.clause, place)
            if begin < 0:
                continue
            place = begin + len(mark.clause)
            words = mark.clause.split()
            left = words[self._words_until(mark, stop) :]
            if left:
                return f"{' '.join(left)}{text[place:]}".strip()
        return text[place:].strip()

    def _words_until(self, mark: _Mark, sample: int) -> int:
        """How many of a clause's words are over at a sample."""
        words = len(mark.clause.split())
        end = mark.end or max(self._taken, mark.begin + words * SAMPLES_PER_WORD)
        share = (sample - mark.begin) / max(end - mark.begin, 1)
        return int(words * min(max(share, 0.0), 1.0))

    def heard_all(self) -> None:
        """Take note that it was played to its end."""
        self.heard(self._taken - self._heard)

    def close(self) -> None:
        """Stop making it and forget what is left."""
        self._making.cancel()
        self._kept.clear()

    async def _make(self, pieces: AsyncGenerator[SpokenPiece, None]) -> None:
        try:
            made = 0
            async with aclosing(pieces):
                async for piece in pieces:
                    await self._made.put(piece)
                    made += len(piece.sound)
                    if made >= SAMPLES_UNSEEN:
                        await self._seen.wait()
        except Exception as error:  # passed on to whoever takes the sound
            await self._made.put(error)
        else:
            await self._made.put(None)
