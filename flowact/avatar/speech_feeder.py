"""Feeding a reply to the worker as it is spoken, never more than some seconds ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.serving.audio_source import to_pcm16
from flowact.serving.messages import Command, MediaSegment, Say
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_CHUNK, SAMPLES_PER_LATENT

Signal = NDArray[np.float32]
MOST_AHEAD: Final = 6 * SAMPLE_RATE
_BLOCK: Final = 4 * SAMPLES_PER_CHUNK


class SpeechFeeder:
    """One reply on its way into the worker.

    Args:
        session, epoch: which reply of whom.
        send: passes a command to the worker.
    """

    def __init__(self, session: str, epoch: int, send: Callable[[Command], None]) -> None:
        self._session, self.epoch, self._send = session, epoch, send
        self._ahead = 0
        self._room = asyncio.Event()

    async def feed(self, sounds: AsyncIterator[Signal]) -> int:
        """Pass sound on until there is no more; return the number of samples."""
        total = 0
        async for sound in sounds:
            for block in np.split(sound, range(_BLOCK, len(sound), _BLOCK)):
                await self._wait_for_room()
                self._say(block, final=False)
                total += len(block)
        self._say(np.zeros(0, np.float32), final=True)
        return total

    def spoken(self, segment: MediaSegment) -> None:
        """Take note that the worker has spoken a segment of this reply."""
        self._ahead = max(segment.pending, self._ahead - SAMPLES_PER_LATENT)
        self._room.set()

    def _say(self, block: Signal, *, final: bool) -> None:
        self._ahead += len(block)
        self._send(Say(self._session, self.epoch, to_pcm16(block), final))

    async def _wait_for_room(self) -> None:
        while self._ahead > MOST_AHEAD:
            self._room.clear()
            await self._room.wait()


async def in_thread(blocks: Iterator[Signal]) -> AsyncIterator[Signal]:
    """Yield what a blocking iterator gives without blocking the server."""
    while True:
        block = await asyncio.to_thread(next, blocks, None)
        if block is None:
            return
        yield block
