"""What speaks, hears and answers for all sessions: found when the server starts, closed when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowact.live.endpoints import Endpoints
from flowact.live.speech.chat import ChatModel
from flowact.live.speech.endpoint_client import EndpointClient
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.recogniser import Recogniser, RemoteRecogniser
from flowact.live.speech.tts import TTSEngine, find_engines, warm_up


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
    """Engines, clients and the helper process behind them.

    Attributes:
        services: for the sessions.

    Args:
        endpoints: servers that hear, answer and speak.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        hearing = EndpointClient(endpoints.hearing, "hear")
        answering = EndpointClient(endpoints.answering, "answer")
        speaking = EndpointClient(endpoints.speaking, "speak")
        self._clients = (hearing, answering, speaking)
        self._helper = HelperProcess("voice")
        self.services = SpeechServices(
            engines=find_engines(speaking, endpoints.voice, self._helper),
            chat=ChatModel(answering) if endpoints.answering.configured else None,
            recogniser=RemoteRecogniser(hearing) if endpoints.hearing.configured else None,
            endpoints=endpoints,
        )

    async def warm_up(self) -> None:
        """Start what the first visitor would wait for."""
        await warm_up(self.services.engines)

    async def close(self) -> None:
        """End the connections and the helper."""
        for client in self._clients:
            await client.close()
        await self._helper.close()

    def health(self) -> dict[str, object]:
        """Return what monitoring should know: which voices there are, and how often they broke down."""
        services = self.services
        return {
            "voices": list(services.engines),
            "voice_restarts": self._helper.restarts,
            "hears": services.recogniser.name if services.recogniser else None,
            "answers": services.chat is not None,
        }
