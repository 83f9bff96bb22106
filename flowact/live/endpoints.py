"""Servers that hear, answer and speak for the avatar, each with an address, a key and a model of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from flowact.errors import UserError

_ROLES: Final = {"hearing": "TRANSCRIPTION", "answering": "CHAT", "speaking": "SPEECH"}
"""How the variables of each role begin, after `FLOWACT_`."""
_MODELS: Final = {"hearing": "whisper-1", "answering": "gpt-4o-mini", "speaking": ""}


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server in one role; without an address or a model it is not used."""

    base_url: str = ""
    api_key: str = field(default="", repr=False)
    model: str = ""

    @property
    def configured(self) -> bool:
        """Whether there is a server and a model to ask."""
        return bool(self.base_url and self.model)


@dataclass(frozen=True)
class Endpoints:
    """The three roles, and how the avatar is to behave in them.

    Attributes:
        hearing, answering, speaking: may be one server or three.
        voice: the voice that `speaking` is asked for, or one of this machine that speaks for everybody.
        language: ISO 639-1 code that `hearing` is told; empty to let it find out.
        persona: system prompt of the answers, before what a character's card says.
    """

    hearing: Endpoint = Endpoint()
    answering: Endpoint = Endpoint()
    speaking: Endpoint = Endpoint()
    voice: str = "alloy"
    language: str = ""
    persona: str = ""


def from_environment(environment: Mapping[str, str]) -> Endpoints:
    """Read `FLOWACT_OPENAI_*`, which count for all roles, and each role's own variables.

    A key goes to the server that it was given for, never to another one.

    Raises:
        UserError: an address that is none.
    """
    roles = {role: _endpoint(role, prefix, environment) for role, prefix in _ROLES.items()}
    return Endpoints(
        **roles,
        voice=environment.get("FLOWACT_SPEECH_VOICE", "alloy"),
        language=environment.get("FLOWACT_LANGUAGE", ""),
        persona=environment.get("FLOWACT_SYSTEM_PROMPT", ""),
    )


def _endpoint(role: str, prefix: str, environment: Mapping[str, str]) -> Endpoint:
    shared = environment.get("FLOWACT_OPENAI_BASE_URL", "")
    own = environment.get(f"FLOWACT_{prefix}_BASE_URL", "")
    base = (own or shared).rstrip("/")
    if base and not base.startswith(("http://", "https://")):
        name = f"FLOWACT_{prefix}_BASE_URL" if own else "FLOWACT_OPENAI_BASE_URL"
        raise UserError(f"{name} must begin with http:// or https://.")
    key = environment.get(f"FLOWACT_{prefix}_API_KEY", "")
    if not key and base == shared.rstrip("/"):
        key = environment.get("FLOWACT_OPENAI_API_KEY", "")
    return Endpoint(base, key, environment.get(f"FLOWACT_{prefix}_MODEL", _MODELS[role]))
