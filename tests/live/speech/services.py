"""Speech services with the faults that real ones have."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from flowact.bench.speech_services import ServiceHandler, ServiceScript, speech_services
from flowact.live.endpoints import Endpoint, Endpoints

Reaction = Callable[["FaultyHandler", bytes], None]


@dataclass
class FaultyScript(ServiceScript):
    """A script without delays; `reactions` replace what the services do at a path."""

    transcription_s: float = 0.0
    chat_s: float = 0.0
    word_s: float = 0.0
    reactions: dict[str, Reaction] = None

    def bodies(self, path: str) -> list[bytes]:
        return [body for asked, body in self.asked if asked == path]


class FaultyHandler(ServiceHandler):
    def answer(self, path: str, body: bytes) -> None:
        react = (self.script.reactions or {}).get(path)
        if react is None:
            super().answer(path, body)
        else:
            react(self, body)


def status(code: int, message: str = "") -> Reaction:
    return lambda handler, _: handler.send_json({"error": {"message": message}}, code)


def events(*deltas: dict, done: bool = True) -> Reaction:
    """Stream these pieces; without `done` the connection is cut after them."""

    def react(handler: FaultyHandler, _body: bytes) -> None:
        handler.begin_stream("text/event-stream")
        for delta in deltas:
            handler.send_delta(delta)
        if done:
            handler.send_chunk(b"data: [DONE]\n\n")
            handler.send_chunk(b"")
        else:
            handler.close_connection = True

    return react


@contextlib.contextmanager
def services(script: ServiceScript, **endpoints: object):
    """Give endpoints for all three roles at one faulty server."""
    with speech_services(script, FaultyHandler) as base:
        one = Endpoint(base, "secret-key", "model")
        yield Endpoints(**{"hearing": one, "answering": one, **endpoints})
