"""Asks whatever hears, answers and speaks once, before a visitor does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Final

from flowact.errors import UserError
from flowact.live.endpoints import Endpoint
from flowact.live.speech.chat import ChatModel
from flowact.live.speech.piper import PiperTTS
from flowact.live.speech.recogniser import Recogniser
from flowact.live.speech.services import SpeechServices
from flowact.live.speech.tts import RemoteTTS, TTSEngine
from flowact.live.speech.whisper import WhisperRecogniser

_SECOND_OF_SILENCE: Final = bytes(32_000)
_GREETING: Final = ({"role": "user", "content": "Say hello."},)
Trial = Callable[[], Awaitable[str]]


async def check(services: SpeechServices) -> AsyncIterator[tuple[str, bool]]:
    """Yield a line for each part, and whether all is well with it; a part without a server is well."""
    for place, trial in _trials(services):
        if trial is None:
            yield f"{place}: no server is configured", True
            continue
        begun = time.monotonic()
        try:
            what = await trial()
            yield f"{place}: {what}, {time.monotonic() - begun:.2f} s", True
        except UserError as error:
            yield f"{place}: {error}", False


def _trials(services: SpeechServices) -> Iterator[tuple[str, Trial | None]]:
    """Yield what each part is called, and how to ask it."""
    endpoints, recogniser, chat = services.endpoints, services.recogniser, services.chat
    if isinstance(recogniser, WhisperRecogniser):
        yield f"hear: {recogniser.folder}", partial(_hear, recogniser, endpoints.language)
    elif recogniser is None:
        yield "hear", None
    else:
        heard = partial(_hear, recogniser, endpoints.language)
        yield f"hear: {_place(endpoints.hearing)}", heard
    if chat is None:
        yield "answer", None
    else:
        yield f"answer: {_place(endpoints.answering)}", partial(_answer, chat)
    if not endpoints.speaking.configured:
        yield "speak", None
    for engine in services.engines.values():
        if isinstance(engine, RemoteTTS):
            yield f"speak: {_place(endpoints.speaking)}", partial(_speak, engine)
        elif isinstance(engine, PiperTTS):
            yield f"speak: {engine.name}", partial(_speak, engine)


async def _hear(recogniser: Recogniser, language: str) -> str:
    text = await recogniser.transcribe(_SECOND_OF_SILENCE, language)
    return f"silence became {len(text)} characters"


async def _answer(chat: ChatModel) -> str:
    parts = [part async for part in chat.reply(_GREETING) if isinstance(part, str)]
    return f"{len(''.join(parts))} characters in {len(parts)} pieces"


async def _speak(engine: TTSEngine) -> str:
    blocks = [block async for block in engine.speak("Hello.")]
    return f"{sum(map(len, blocks)) / 16_000:.2f} s of sound in {len(blocks)} pieces"


def _place(endpoint: Endpoint) -> str:
    return f"{endpoint.base_url}, {endpoint.model}"
