"""From texts and recordings to the pieces of an utterance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Final, TypeVar

import numpy as np

from flowact.avatar.speech_feeder import in_thread
from flowact.errors import UserError
from flowact.live.dialogue.utterance import Signal, SpokenPiece
from flowact.live.speech.clauses import cut
from flowact.live.speech.tts import TTSEngine, reader

T = TypeVar("T")
_SILENCE: Final = np.zeros(0, np.float32)


async def spoken(
    text: AsyncGenerator[str, None], engines: Mapping[str, TTSEngine], voice: str
) -> AsyncGenerator[SpokenPiece, None]:
    """Yield clauses with their sound; what no voice can read is left out and said at the end.

    Args:
        text: clauses.
        engines: voices by name.
        voice: name of the one that is wanted.

    Raises:
        UserError: a voice failed, or there was a clause that none can read.
    """
    unread: UserError | None = None
    async with aclosing(text):
        async for clause in text:
            try:
                engine = reader(engines, voice, clause)
            except UserError as error:
                unread = unread or error
                continue
            begins = clause
            async with aclosing(engine.speak(clause)) as sounds:
                async for sound in sounds:
                    yield SpokenPiece(sound, begins)
                    begins = ""
            yield SpokenPiece(_SILENCE, begins, ends=True)
    if unread is not None:
        raise unread


async def typed(text: str) -> AsyncGenerator[str, None]:
    """Yield the clauses of a text that is known as a whole."""
    for clause in cut(text):
        yield clause


async def recorded(blocks: Iterator[Signal]) -> AsyncGenerator[SpokenPiece, None]:
    """Yield what a blocking iterator gives without blocking the server."""
    async for block in in_thread(blocks):
        yield SpokenPiece(block)


async def read_ahead(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """Yield items while a task reads on: who takes them slowly does not hold their source up."""
    waiting: asyncio.Queue[T | Exception | None] = asyncio.Queue()

    async def read() -> None:
        try:
            async with aclosing(items):
                async for item in items:
                    waiting.put_nowait(item)
        except Exception as error:  # passed on to whoever takes the items
            waiting.put_nowait(error)
        else:
            waiting.put_nowait(None)

    reading = asyncio.create_task(read())
    try:
        while (item := await waiting.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        reading.cancel()
