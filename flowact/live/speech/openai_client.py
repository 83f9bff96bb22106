"""A client of OpenAI-compatible servers: hearing, answering, speaking. Off unless configured."""

from __future__ import annotations

import logging
from typing import Any, Final

import httpx

from flowact.errors import UserError
from flowact.live.settings import Endpoint
from flowact.media.audio import to_wave

_log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 30.0
LONGEST_REPLY: Final = 900
MOST_TURNS: Final = 12
MOST_BYTES: Final = 8_000_000
_MANNER: Final = (
    "You are a friendly person in a live video call. Answer in one to three short spoken "
    "sentences, without lists, markup or emoji."
)


class OpenAIClient:
    """Talks to one server; one for all visitors.

    Attributes:
        endpoint: where it is and which models to use.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def transcribe(self, pcm: bytes) -> str:
        """Return the text of 16-bit mono sound at 16 kHz."""
        files = {"file": ("turn.wav", to_wave(pcm), "audio/wav")}
        data = {"model": self.endpoint.transcription_model}
        answer = await self._post("audio/transcriptions", files=files, data=data)
        return _text(answer, "text")

    async def answer(self, turns: list[dict[str, str]]) -> str:
        """Return the reply to a conversation of `{"role", "content"}` turns."""
        messages = [{"role": "system", "content": _MANNER}, *turns[-MOST_TURNS:]]
        body = {"model": self.endpoint.chat_model, "messages": messages, "max_tokens": 200}
        answer = await self._post("chat/completions", json=body)
        try:
            return str(answer.json()["choices"][0]["message"]["content"])[:LONGEST_REPLY]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise UserError("The language model's answer could not be understood.") from error

    async def speak(self, text: str) -> bytes:
        """Return a sound file with the spoken text."""
        endpoint = self.endpoint
        body = {
            "model": endpoint.speech_model,
            "voice": endpoint.speech_voice,
            "input": text,
            "response_format": "wav",
        }
        return (await self._post("audio/speech", json=body)).content

    async def _post(self, path: str, **content: Any) -> httpx.Response:
        base = self.endpoint.base_url.rstrip("/")
        headers = {"Authorization": f"Bearer {self.endpoint.api_key}"}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, headers=headers) as client:
                answer = await client.post(f"{base}/{path}", **content)
                answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            code = error.response.status_code
            _log.warning("the language model's server answered %s with %d", path, code)
            raise UserError(f"The language model's server refused {path} ({code}).") from error
        except httpx.HTTPError as error:
            _log.warning("the language model's server does not answer %s: %r", path, error)
            raise UserError("The language model's server does not answer.") from error
        if len(answer.content) > MOST_BYTES:
            raise UserError("The language model's server sent far too much.")
        return answer


def _text(answer: httpx.Response, key: str) -> str:
    try:
        return str(answer.json()[key]).strip()
    except (ValueError, KeyError, TypeError) as error:
        raise UserError("The language model's server gave no text.") from error
