"""One thing to be said, while its sound is still coming in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_CHUNK

Signal = NDArray[np.float32]
BLOCKS_IN_HAND: Final = 64
"""Whoever pushes more than 30 s ahead of the voice waits."""


class SpeechItem:
    """Sound on its way to the worker; whoever pushes too far ahead waits.

    Attributes:
        name: what the program calls it.
        text: what it says, empty where that is not known.
        epoch: number of the reply at the worker; -1 before it has begun.
        samples: how many have come, at 16 kHz.
        made: how many of them there are segments of.
        closed: nothing more is taken: it is complete, or it was interrupted.
        spoken: its last segment was made.
    """

    def __init__(self, name: str, text: str = "") -> None:
        self.name, self.text, self.epoch = name, text, -1
        self.samples = self.made = 0
        self.closed, self.spoken = False, asyncio.Event()
        self._blocks: asyncio.Queue[Signal | None] = asyncio.Queue(BLOCKS_IN_HAND)

    @property
    def milliseconds(self) -> int:
        """Length of the sound that has come."""
        return self.samples * 1000 // SAMPLE_RATE

    async def push(self, sound: Signal) -> None:
        """Append mono samples at 16 kHz; what comes after an interruption is dropped."""
        for block in np.split(sound, range(SAMPLES_PER_CHUNK, len(sound), SAMPLES_PER_CHUNK)):
            if self.closed:
                return
            await self._blocks.put(block)
            self.samples += len(block)

    async def finish(self) -> None:
        """Say that there will be no more."""
        if not self.closed:
            await self._blocks.put(None)
            self.closed = True

    def drop(self) -> None:
        """Forget what was not spoken, and let go whoever waits to push more."""
        self.closed = True
        self.spoken.set()
        while not self._blocks.empty():
            self._blocks.get_nowait()

    async def sounds(self) -> AsyncIterator[Signal]:
        """Yield what comes; the first piece is a whole chunk, or a mouth would open and wait."""
        first: list[Signal] = []
        while sum(map(len, first)) < SAMPLES_PER_CHUNK:
            block = await self._blocks.get()
            if block is None:
                yield np.concatenate([*first, np.zeros(0, np.float32)])
                return
            first.append(block)
        yield np.concatenate(first)
        while (block := await self._blocks.get()) is not None:
            yield block
