"""What speaks, hears and answers for all sessions: found when the server starts, closed when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowact.live.endpoints import Endpoints
from flowact.live.speech.chat import ChatModel
from flowact.live.speech.endpoint_client import EndpointClient
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.piper import find_piper_voices
from flowact.live.speech.recogniser import Recogniser, RemoteRecogniser
from flowact.live.speech.tts import TTSEngine, find_engines, warm_up
from flowact.live.speech.whisper import WhisperRecogniser


@dataclass(frozen=True)
class SpeechServices:
    """What a session is given of it.

    Attributes:
        engines: voices by name.
        chat: answers, if there is a language model.
        recogniser: hears, if anything does.
        endpoints: how they were configured.
    """

    engines: Mapping[str, TTSEngine]
    chat: ChatModel | None
    recogniser: Recogniser | None
    endpoints: Endpoints


class SpeechRoom:
    """Engines, clients and the helper processes behind them.

    Attributes:
        services: for the sessions.

    Args:
        endpoints: servers that hear, answer and speak.
        voices: folder of further voices; see `piper`.
        listen_model: folder of a model that hears in place of a server; see `whisper`.

    Raises:
        UserError: a folder does not hold what it should.
    """

    def __init__(
        self, endpoints: Endpoints, voices: Path | None = None, listen_model: Path | None = None
    ) -> None:
        hearing = EndpointClient(endpoints.hearing, "hear")
        answering = EndpointClient(endpoints.answering, "answer")
        speaking = EndpointClient(endpoints.speaking, "speak")
        self._clients = (hearing, answering, speaking)
        self._helper, self._neural = HelperProcess("voice"), HelperProcess("voice")
        self._ears = HelperProcess("recogniser")
        brought = find_piper_voices(voices, self._neural) if voices else []
        recogniser: Recogniser | None = None
        if listen_model:
            recogniser = WhisperRecogniser(listen_model, self._ears)
        elif endpoints.hearing.configured:
            recogniser = RemoteRecogniser(hearing)
        self.services = SpeechServices(
            engines=find_engines(speaking, endpoints.voice, self._helper, brought),
            chat=ChatModel(answering) if endpoints.answering.configured else None,
            recogniser=recogniser,
            endpoints=endpoints,
        )

    async def warm_up(self) -> None:
        """Start what the first visitor would wait for."""
        await warm_up(self.services.engines)
        if isinstance(self.services.recogniser, WhisperRecogniser):
            await self.services.recogniser.warm_up()

    async def close(self) -> None:
        """End the connections and the helpers."""
        for client in self._clients:
            await client.close()
        for helper in (self._helper, self._neural, self._ears):
            await helper.close()

    def health(self) -> dict[str, object]:
        """Return what monitoring should know: which voices there are, and how often they broke down."""
        services = self.services
        return {
            "voices": list(services.engines),
            "voice_restarts": self._helper.restarts + self._neural.restarts,
            "recogniser_restarts": self._ears.restarts,
            "hears": services.recogniser.name if services.recogniser else None,
            "answers": services.chat is not None,
        }
