"""Bodies of the HTTP routes under `/v1`."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL: Final = "flowact.v1"
"""Name of the socket's subprotocol."""
LONGEST_SESSION: Final = 86_400
FIRST_USE_SECONDS: Final = 60
"""A client token must be used so soon."""


LONGEST_PERSONA: Final = 2_000
LANGUAGE: Final = "^([a-z]{2})?$"
"""Of ISO 639-1, or nothing."""


class SessionSpec(BaseModel):
    """What kind of session to make.

    Attributes:
        character: name of a character; the default one without it and without `picture_id`.
        picture_id: a picture from `POST /v1/pictures`; it is deleted with the session.
        codec: of the frames.
        voice: which voice speaks texts; the best one without it.
        mode: `avatar` speaks what the program pushes; `agent` listens to a viewer and answers.
        persona: who answers in mode `agent`, in the second person; what the character's card says without it.
        greeting: what it says when a conversation begins; the card's without it and without a persona.
        language: that the viewer speaks, an ISO 639-1 code; found out without it.
        ttl_s: seconds after which the session ends by itself.
    """

    model_config = ConfigDict(extra="forbid")

    character: str = Field("", max_length=60)
    picture_id: str = Field("", max_length=80)
    codec: Literal["h264", "jpeg"] = "h264"
    voice: str = Field("", max_length=60)
    mode: Literal["avatar", "agent"] = "avatar"
    persona: str = Field("", max_length=LONGEST_PERSONA)
    greeting: str = Field("", max_length=300)
    language: str = Field("", pattern=LANGUAGE)
    ttl_s: int = Field(3_600, ge=10, le=LONGEST_SESSION)


class SessionTicket(BaseModel):
    """A session that was made, and how a client joins it.

    Attributes:
        id: of the session.
        client_token: opens the socket once, within a minute; safe to give to a browser.
        socket_url: address of the socket.
        expires_at: when the session ends by itself.
        protocol: subprotocol to offer.
    """

    id: str
    client_token: str
    socket_url: str
    expires_at: datetime
    protocol: str = PROTOCOL


class SessionStanding(BaseModel):
    """Where a session stands: nobody joined yet, in line, live, or without its client for a moment."""

    id: str
    state: Literal["waiting_for_client", "in_line", "live", "disconnected"]
    mode: Literal["avatar", "agent"]
    expires_at: datetime


class CharacterInfo(BaseModel):
    """Somebody who can be shown."""

    name: str
    title: str
    default: bool


class VoiceInfo(BaseModel):
    """A voice of this server, with the licence of its engine."""

    name: str
    licence: str


class PictureTicket(BaseModel):
    """A picture that was taken, and what its sender should know about it."""

    picture_id: str
    remark: str


class ServerHealth(BaseModel):
    """Whether the server can make pictures."""

    ready: bool
    problem: str | None
    sessions: int
    places: int
    version: str
