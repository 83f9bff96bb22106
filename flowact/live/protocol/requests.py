"""What a viewer may ask for, as JSON text; anything else is refused in one sentence."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from flowact.errors import UserError

LONGEST_TEXT: Final = 1_000
"""Characters of one thing to say: about a minute of speech."""
LONGEST_ACTION: Final = 120
LONGEST_MESSAGE: Final = 16_384
"""Bytes of one message of any kind from a viewer; microphone packets have 640."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Hello(_Request):
    """The first message: who asks, and for what picture.

    Attributes:
        token: a visitor's ticket from the page.
        character: name of a character; ignored with `upload`.
        upload: name of an uploaded picture.
        codec: what the browser can decode.
        resume: ticket of a session that lost its connection.
        traceparent: of the page's trace, as W3C Trace Context writes it.
        place: ticket of a place that a fleet's gateway gave.
    """

    type: Literal["hello"]
    token: str = Field(max_length=500)
    character: str = Field("", max_length=60)
    upload: str = Field("", max_length=60)
    codec: Literal["h264", "jpeg"] = "h264"
    resume: str = Field("", max_length=500)
    place: str = Field("", max_length=500)
    traceparent: str = Field("", max_length=60, pattern="^([0-9a-f]{2}(-[0-9a-f]+){3})?$")


class SayText(_Request):
    """Speak a text with the chosen voice."""

    type: Literal["say"]
    text: str
    voice: str = Field("", max_length=60)


class Ask(_Request):
    """Answer a question that the viewer has typed."""

    type: Literal["ask"]
    text: str


class SetVoice(_Request):
    """Speak answers with a voice, and be spoken to in a language (ISO 639-1); empty for the server's choice."""

    type: Literal["voice"]
    voice: str = Field("", max_length=60)
    language: str = Field("", pattern="^([a-z]{2})?$")


class PlayUpload(_Request):
    """Speak an uploaded recording."""

    type: Literal["play"]
    upload: str = Field(max_length=60)


class PlaySample(_Request):
    """Speak one of the recordings that come with FlowAct."""

    type: Literal["sample"]
    name: str = Field(max_length=60)


class Act(_Request):
    """Do something, in words."""

    type: Literal["action"]
    text: str


class StopSpeaking(_Request):
    """Be silent at once and listen."""

    type: Literal["interrupt"]


class SetMicrophone(_Request):
    """What the microphone is for."""

    type: Literal["microphone"]
    mode: Literal["off", "puppet", "conversation"]


class WantKey(_Request):
    """The decoder lost the thread."""

    type: Literal["key"]


class Ping(_Request):
    """A sign of life.

    Attributes:
        at: comes back, so that the browser can compare clocks.
        lag_ms: how old the newest frame was when it was painted, for those who run the server.
    """

    type: Literal["ping"]
    at: float
    lag_ms: float | None = Field(None, ge=0, le=600_000)


class Bye(_Request):
    """End the session now."""

    type: Literal["bye"]


Request = Annotated[
    Hello
    | SayText
    | Ask
    | SetVoice
    | PlayUpload
    | PlaySample
    | Act
    | StopSpeaking
    | SetMicrophone
    | WantKey
    | Ping
    | Bye,
    Field(discriminator="type"),
]
_ADAPTER: Final[TypeAdapter[Request]] = TypeAdapter(Request)


def parse(message: str) -> Request:
    """Read a request.

    Raises:
        UserError: too long, not JSON, or nothing that a viewer may ask for.
    """
    if len(message) > LONGEST_MESSAGE:
        raise UserError(f"That message is longer than {LONGEST_MESSAGE} characters.")
    try:
        request: Request = _ADAPTER.validate_json(message)
    except (ValidationError, RecursionError) as error:
        raise UserError("The page sent a message that this server does not understand.") from error
    if isinstance(request, SayText | Ask) and len(request.text) > LONGEST_TEXT:
        raise UserError(
            f"That text has {len(request.text)} characters; at most {LONGEST_TEXT} at a time."
        )
    if isinstance(request, Act) and len(request.text) > LONGEST_ACTION:
        raise UserError(f"An action has at most {LONGEST_ACTION} characters.")
    return request
