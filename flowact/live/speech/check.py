"""Asks the configured servers once, before a visitor does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

from flowact.errors import UserError
from flowact.live.endpoints import Endpoint, Endpoints
from flowact.live.speech.chat import ChatModel
from flowact.live.speech.endpoint_client import EndpointClient
from flowact.live.speech.recogniser import RemoteRecogniser
from flowact.live.speech.tts import RemoteTTS

_SECOND_OF_SILENCE: Final = bytes(32_000)
_GREETING: Final = ({"role": "user", "content": "Say hello."},)


async def check(endpoints: Endpoints) -> AsyncIterator[tuple[str, bool]]:
    """Yield a line for each role, and whether all is well with it; a role without a server is well."""
    roles = (
        ("hear", endpoints.hearing),
        ("answer", endpoints.answering),
        ("speak", endpoints.speaking),
    )
    for does, endpoint in roles:
        if not endpoint.configured:
            yield f"{does}: no server is configured", True
            continue
        client = EndpointClient(endpoint, does)
        begun = time.monotonic()
        try:
            what = await _try(client, does, endpoints)
            yield f"{_place(does, endpoint)}: {what}, {time.monotonic() - begun:.2f} s", True
        except UserError as error:
            yield f"{_place(does, endpoint)}: {error}", False
        finally:
            await client.close()


async def _try(client: EndpointClient, does: str, endpoints: Endpoints) -> str:
    """Return what came back, in numbers."""
    if does == "hear":
        text = await RemoteRecogniser(client).transcribe(_SECOND_OF_SILENCE, endpoints.language)
        return f"silence became {len(text)} characters"
    if does == "answer":
        parts = [part async for part in ChatModel(client).reply(_GREETING) if isinstance(part, str)]
        return f"{len(''.join(parts))} characters in {len(parts)} pieces"
    blocks = [block async for block in RemoteTTS(client, endpoints.voice).speak("Hello.")]
    return f"{sum(map(len, blocks)) / 16_000:.2f} s of sound in {len(blocks)} pieces"


def _place(does: str, endpoint: Endpoint) -> str:
    return f"{does}: {endpoint.base_url}, {endpoint.model}"
