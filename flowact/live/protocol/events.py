"""Texts on the socket `flowact.v1`, up and down; binary messages are sound up and media down.

Names that OpenAI Realtime and LiveKit have for the same thing are used here too. New events and fields may come within
version 1; clients ignore what they do not know.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from flowact.errors import UserError
from flowact.live.protocol.problem import problem_of

MicrophoneMode = Literal["off", "puppet", "conversation"]
LANGUAGE: Final = "^([a-z]{2})?$"
"""Of ISO 639-1, or nothing."""
LONGEST_PERSONA: Final = 2_000
LONGEST_TEXT: Final = 1_000
LONGEST_ACTION: Final = 120
LONGEST_EVENT: Final = 16_384
LONGEST_APPEND: Final = 65_536
"""Bytes of one binary message up: two seconds at 16 kHz."""
MOST_BUFFERED_SECONDS: Final = 120  # of sound that a session holds beyond what it is speaking


class _Up(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    number: int = Field(
        0,
        ge=0,
        le=2**53,
        description="Optional, rising within a session. An event whose number the session has heard is ignored, "
        "so a client may send again what a lost connection has perhaps swallowed.",
    )


class AudioStart(_Up):
    """Names the next item and says the rate of its sound, mono 16-bit. Optional before the first sound."""

    type: Literal["audio.start"]
    item_id: str = Field("", max_length=60)
    rate: int = 16_000
    text: str = Field("", max_length=LONGEST_TEXT, description="What the sound says, for gestures.")


class AudioCommit(_Up):
    """The sound of the item is complete."""

    type: Literal["audio.commit"]


class AudioClear(_Up):
    """Be silent now, and forget everything that waits."""

    type: Literal["audio.clear"]


class TextSay(_Up):
    """Speak a text with a voice of the server."""

    type: Literal["text.say"]
    text: str
    item_id: str = Field("", max_length=60)
    voice: str = Field("", max_length=60)


class TextAsk(_Up):
    """Answer what the viewer has typed, in mode `agent`."""

    type: Literal["text.ask"]
    text: str


class SoundPlay(_Up):
    """Speak a recording from `POST /v1/sounds`, in mode `agent`."""

    type: Literal["sound.play"]
    sound_id: str = Field(max_length=80)


class SamplePlay(_Up):
    """Speak one of the recordings that come with FlowAct, in mode `agent`."""

    type: Literal["sample.play"]
    name: str = Field(max_length=60)


class SessionUpdate(_Up):
    """Change how the session talks; what is left out stays. Mode `avatar` has a voice alone.

    Attributes:
        voice: name of a voice of this server; empty for the person's own.
        language: ISO 639-1 code that the viewer speaks; empty to find out.
        persona: who answers from now on, in the second person; empty for what the card says.
    """

    type: Literal["session.update"]
    voice: str | None = Field(None, max_length=60)
    language: str | None = Field(None, pattern=LANGUAGE)
    persona: str | None = Field(None, max_length=LONGEST_PERSONA)


class ActionSet(_Up):
    """Do something, in words."""

    type: Literal["action.set"]
    text: str


class MicrophoneSet(_Up):
    """What binary messages up are, in mode `agent`: dropped, spoken as they come, or listened to."""

    type: Literal["microphone.set"]
    mode: MicrophoneMode


class MediaKey(_Up):
    """The decoder lost the thread: send a key frame."""

    type: Literal["media.key"]


class PingEvent(_Up):
    """A sign of life, at least every 15 s.

    Attributes:
        at: comes back, so that a client can compare clocks.
        lag_ms: how old the newest frame was when it was painted, for those who run the server.
    """

    type: Literal["ping"]
    at: float = 0.0
    lag_ms: float | None = Field(None, ge=0, le=600_000)


class SessionClose(_Up):
    """End the session."""

    type: Literal["session.close"]


ClientEvent = Annotated[
    AudioStart
    | AudioCommit
    | AudioClear
    | TextSay
    | TextAsk
    | SoundPlay
    | SamplePlay
    | SessionUpdate
    | ActionSet
    | MicrophoneSet
    | MediaKey
    | PingEvent
    | SessionClose,
    Field(discriminator="type"),
]


class SocketLimits(BaseModel):
    """What a session bears."""

    text_characters: int = LONGEST_TEXT
    action_characters: int = LONGEST_ACTION
    append_bytes: int = LONGEST_APPEND
    buffered_seconds: int = MOST_BUFFERED_SECONDS


class SessionCreated(BaseModel):
    """The first event of every connection.

    Attributes:
        session: its id.
        resume_token: opens the socket again after a lost connection, for some seconds.
        codec: of the frames.
        resumed: whether this is such a connection.
        epoch: of the newest item or interruption.
        microphone: what binary messages up are, in mode `agent`.
        heard: the greatest number of an event that the session has heard; send again those above it.
        limits: what a session bears.
    """

    type: Literal["session.created"] = "session.created"
    session: str
    resume_token: str
    codec: str
    resumed: bool = False
    epoch: int = 0
    microphone: MicrophoneMode = "off"
    heard: int = 0
    limits: SocketLimits = SocketLimits()


class SessionMoved(BaseModel):
    """Another server goes on: connect at once with the resume token, at `path` with `ticket` as `place` if named."""

    type: Literal["session.moved"] = "session.moved"
    path: str = ""
    ticket: str = ""


class SessionUpdated(BaseModel):
    """How the session talks from now on."""

    type: Literal["session.updated"] = "session.updated"
    voice: str
    language: str = ""


class QueuePosition(BaseModel):
    """All places are taken; so many are before this session, itself included."""

    type: Literal["queue.position"] = "queue.position"
    position: int


class PlaybackStarted(BaseModel):
    """An item begins to be heard; its media carry `epoch`."""

    type: Literal["playback.started"] = "playback.started"
    item_id: str
    epoch: int
    voice_ms: int = Field(0, description="How long a voice of the server took to begin with it.")


class PlaybackFinished(BaseModel):
    """An item is over for whoever plays media as they come."""

    type: Literal["playback.finished"] = "playback.finished"
    item_id: str
    played_ms: int
    interrupted: bool


class PlaybackFlushed(BaseModel):
    """Media of epochs below this one are to be thrown away."""

    type: Literal["playback.flushed"] = "playback.flushed"
    epoch: int


class PlaybackMetrics(BaseModel):
    """Once a second while something is said: for clients that push faster than it is spoken.

    Attributes:
        item_id: what is heard.
        played_ms: how much of it.
        buffered_ms: sound that the session holds and has not made pictures of.
        dropped: media messages that this connection was too slow for.
    """

    type: Literal["metrics"] = "metrics"
    item_id: str
    played_ms: int
    buffered_ms: int
    dropped: int


class SpeechStarted(BaseModel):
    """The viewer begins to speak."""

    type: Literal["user.speech_started"] = "user.speech_started"


class SpeechStopped(BaseModel):
    """The viewer has finished."""

    type: Literal["user.speech_stopped"] = "user.speech_stopped"
    quiet_ms: int = Field(0, description="For so long nothing was heard before it was noticed.")


class TranscriptFinal(BaseModel):
    """What the viewer said."""

    type: Literal["transcript.final"] = "transcript.final"
    text: str


class ReplyDelta(BaseModel):
    """The answer grows by this text."""

    type: Literal["reply.delta"] = "reply.delta"
    text: str


class ReplyDone(BaseModel):
    """The whole answer."""

    type: Literal["reply.done"] = "reply.done"
    text: str


class MicrophoneChanged(BaseModel):
    """What binary messages up are from now on."""

    type: Literal["microphone.changed"] = "microphone.changed"
    mode: MicrophoneMode
    why: str = Field(
        "", description="Why the server changed it by itself; empty if it was asked to."
    )


class ActionChanged(BaseModel):
    """What the person does from now on, and why."""

    type: Literal["action.changed"] = "action.changed"
    behaviour: str
    why: str
    at: float = Field(description="Seconds since the session began.")


class NoticeEvent(BaseModel):
    """Something worth a line on the screen."""

    type: Literal["notice"] = "notice"
    message: str


class PongEvent(BaseModel):
    """The answer to a ping; `server_ms` is the server's clock since 1970, `heard` as in `session.created`."""

    type: Literal["pong"] = "pong"
    at: float
    server_ms: float
    heard: int = 0


class ErrorEvent(BaseModel):
    """Something could not be done; unless `fatal` the session goes on. See `Problem`."""

    type: Literal["error"] = "error"
    code: str
    message: str
    retryable: bool = False
    fatal: bool = False


ServerEvent = (
    SessionCreated
    | SessionMoved
    | SessionUpdated
    | QueuePosition
    | PlaybackStarted
    | PlaybackFinished
    | PlaybackFlushed
    | PlaybackMetrics
    | SpeechStarted
    | SpeechStopped
    | TranscriptFinal
    | ReplyDelta
    | ReplyDone
    | MicrophoneChanged
    | ActionChanged
    | NoticeEvent
    | PongEvent
    | ErrorEvent
)


def error_event(error: UserError, *, fatal: bool = False) -> ErrorEvent:
    """Return the event that says a refusal; `fatal` where it ends the session whatever it is."""
    problem = problem_of(error)
    return ErrorEvent(**{**problem.model_dump(), "fatal": fatal or problem.fatal})
