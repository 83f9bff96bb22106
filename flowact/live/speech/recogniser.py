"""Speech to text: a server that hears, or whatever this machine has."""

from __future__ import annotations

from typing import Final, Protocol

from flowact.live.speech.endpoint_client import EndpointClient
from flowact.media.audio import to_wave

PATH: Final = "audio/transcriptions"
LONGEST_TEXT: Final = 2_000
"""Characters of one turn."""


class Recogniser(Protocol):
    """Writes down what is said."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    @property
    def spare(self) -> bool:
        """Whether it may be asked in a pause already, for a text that is thrown away when speech goes on."""

    async def transcribe(self, pcm: bytes, language: str) -> str:
        """Return the text of 16-bit mono sound at 16 kHz, empty if nobody says anything.

        Args:
            pcm: see above.
            language: ISO 639-1 code; empty to let it find out.

        Raises:
            UserError: it could not.
        """


class RemoteRecogniser:
    """The transcription model of an OpenAI-compatible server."""

    name, spare = "endpoint", True

    def __init__(self, client: EndpointClient) -> None:
        self._client = client

    async def transcribe(self, pcm: bytes, language: str) -> str:
        """Ask the server."""
        files = {"file": ("turn.wav", to_wave(pcm), "audio/wav")}
        data = {"model": self._client.endpoint.model, "response_format": "json"}
        if language:
            data["language"] = language
        async with self._client.post(PATH, files=files, data=data) as answer:
            await answer.aread()
        try:
            text = answer.json()["text"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._client.understood(PATH) from error
        return text.strip()[:LONGEST_TEXT] if isinstance(text, str) else ""
