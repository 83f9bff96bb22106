"""Bodies of the HTTP routes under `/v1`."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowact.live.protocol.events import LANGUAGE, LONGEST_PERSONA
from flowact.live.protocol.problem import Problem

PROTOCOL: Final = "flowact.v1"
"""Name of the socket's subprotocol."""
LONGEST_SESSION: Final = 86_400
FIRST_USE_SECONDS: Final = 60
"""A client token must be used so soon."""


LONGEST_SCRIPT: Final = 6_000
"""Characters that one video says: some six minutes."""


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


class SocketQuery(BaseModel):
    """What a client says in the query when it connects.

    Attributes:
        codec: what it decodes, where the session's maker could not know; what was asked for without it.
        character: with a page token, who is shown; the default one without it and without `picture_id`.
        picture_id: with a page token, a picture that was sent with the same one.
        place: in a fleet, the ticket of the place that its gateway gave.
    """

    codec: Literal["", "h264", "jpeg"] = ""
    character: str = Field("", max_length=60)
    picture_id: str = Field("", max_length=80)
    place: str = Field("", max_length=500)


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
    """A voice of this server.

    Attributes:
        name: what requests call it.
        title: what people call it.
        licence: of the engine and the voice.
        scripts: what it reads, by Unicode's names of scripts.
    """

    name: str
    title: str
    licence: str
    scripts: list[str]


class PictureTicket(BaseModel):
    """A picture that was taken, and what its sender should know about it."""

    picture_id: str
    remark: str


class SoundTicket(BaseModel):
    """A recording that was taken, and what its sender should know about it."""

    sound_id: str
    remark: str


class RenderSpec(BaseModel):
    """What video to make, of a text or of a recording.

    Attributes:
        character: name of a character; the default one without it and without `picture_id`.
        picture_id: a picture from `POST /v1/pictures`; it is deleted when the video is over.
        text: what is said, by a voice of this server.
        sound_id: a recording from `POST /v1/sounds` that is said instead; it is deleted likewise.
        voice: which voice speaks the text; the best one without it.
        action: what the person does at first, in words.
    """

    model_config = ConfigDict(extra="forbid")

    character: str = Field("", max_length=60)
    picture_id: str = Field("", max_length=80)
    text: str = Field("", max_length=LONGEST_SCRIPT)
    sound_id: str = Field("", max_length=80)
    voice: str = Field("", max_length=60)
    action: str = Field("", max_length=120)


RenderState = Literal["queued", "running", "done", "failed"]


class RenderStanding(BaseModel):
    """Where a video stands.

    Attributes:
        id: of the video.
        state: waiting for its turn or a place, being made, there, or given up.
        made_ms: how much of the speech is made.
        total_ms: length of the speech; unknown of a text.
        problem: why it failed.
        expires_at: when it is deleted; unknown before it is over.
    """

    id: str
    state: RenderState
    made_ms: int
    total_ms: int | None
    problem: Problem | None
    expires_at: datetime | None


class ServerHealth(BaseModel):
    """Whether the server can make pictures."""

    ready: bool
    problem: str | None
    sessions: int
    places: int
    version: str
