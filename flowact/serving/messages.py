"""What the server and the worker process say to each other: plain bytes and numbers only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Codec = Literal["h264", "jpeg", "raw"]


@dataclass(frozen=True)
class PendingSound:
    """What a session still has to speak.

    Attributes:
        kind: silence; a reply, to which `Say` of the same epoch appends; or a live microphone.
        sound: 16-bit samples that are in hand.
        complete: whether the reply ends with them.
    """

    kind: Literal["silence", "reply", "microphone"] = "silence"
    sound: bytes = b""
    complete: bool = False


@dataclass(frozen=True)
class Continuation:
    """Where a session goes on.

    Attributes:
        snapshot: its state; see `flowact.serving.snapshot`.
        source: what it is speaking.
        due: when the viewer will have played all that was made before, by `time.time()`; 0 if that is
            not known, or over already.
    """

    snapshot: bytes
    source: PendingSound = PendingSound()
    due: float = 0.0


@dataclass(frozen=True)
class Create:
    """Begin a session, or go on with one.

    Attributes:
        session: its name in every later message.
        picture: RGB bytes of the 480x480 portrait.
        seed: equal seeds, sounds and actions give equal pictures.
        action: phrase of the first action.
        codec: how frames are to be encoded.
        epoch: number that the first segments carry.
        resume: where to go on.
    """

    session: str
    picture: bytes
    seed: int
    action: str
    codec: Codec = "h264"
    epoch: int = 0
    resume: Continuation | None = None


@dataclass(frozen=True)
class Say:
    """Speak 16-bit mono sound at 16 kHz; the same epoch again appends to what is being said."""

    session: str
    epoch: int
    sound: bytes
    final: bool


@dataclass(frozen=True)
class Puppet:
    """Speak what `PushAudio` brings, as it comes, until anything else is asked for."""

    session: str
    epoch: int


@dataclass(frozen=True)
class PushAudio:
    """Live 16-bit sound, and the time (`time.time()`) at which the server had its last sample."""

    session: str
    sound: bytes
    received: float


@dataclass(frozen=True)
class SetAction:
    """Do something from the next chunk on; `phrase` is one that the model was trained with."""

    session: str
    phrase: str


@dataclass(frozen=True)
class Interrupt:
    """Stop speaking now: the chunks in flight are thrown away and the mouth shuts."""

    session: str
    epoch: int


@dataclass(frozen=True)
class KeyFrame:
    """Make the next frame one that a decoder can begin with."""

    session: str


@dataclass(frozen=True)
class Close:
    """End a session and forget all of it."""

    session: str


@dataclass(frozen=True)
class Depart:
    """Give a session away at its next chunk border; `Departed` answers."""

    session: str


@dataclass(frozen=True)
class Shutdown:
    """End the process."""


Command = (
    Create | Say | Puppet | PushAudio | SetAction | Interrupt | KeyFrame | Close | Depart | Shutdown
)


@dataclass(frozen=True)
class EncodedFrame:
    """One frame as the viewer's decoder wants it; `key` if a decoder can begin with it."""

    data: bytes
    key: bool


@dataclass(frozen=True)
class Timings:
    """What making a segment took, in seconds, and when it was, by `time.time()`.

    Attributes:
        heard: when the newest live sound in it reached the server; 0 if there is none.
        started: when work on its chunk began.
        made: when it was ready.
        waited: from when the chunk was wanted until work on it began; 0 but for the first segment.
        denoise: transformer, all steps; 0 but for the first segment.
        decode, encode: these stages, of this segment.
    """

    heard: float
    started: float
    made: float
    waited: float
    denoise: float
    decode: float
    encode: float


@dataclass(frozen=True)
class MediaSegment:
    """Four frames and their sound, a third of a chunk: sent as soon as it is ready.

    Attributes:
        session: whose.
        epoch: of the reply that it belongs to.
        index: number of the segment in the session.
        frames: encoded frames in the order of showing.
        sound: 16-bit samples that are heard with them.
        speaking: whether there is speech in its chunk.
        pending: samples of the reply that were not spoken yet.
        finished: the reply ends with this segment.
        flush: the first of an interruption: nothing older is to be shown any more.
        timings: how long what took.
        snapshot: the session after this segment, at the end of every few chunks. The supervisor keeps it
            and passes the segment on without it.
    """

    session: str
    epoch: int
    index: int
    frames: tuple[EncodedFrame, ...]
    sound: bytes
    speaking: bool
    pending: int
    finished: bool
    flush: bool
    timings: Timings
    snapshot: bytes | None


MOST_PLACES: Final = 64
"""For so many sessions a worker finds out whether it bears them."""


@dataclass(frozen=True)
class Ready:
    """The model is loaded and warm.

    Attributes:
        dtype: of the transformer's weights.
        parameters: how many there are.
        places: sessions that the worker bears; 0 if that was not measured.
        longest_gap: seconds between two signs of life while it began a session, to see how slow it is.
    """

    dtype: str
    parameters: int
    places: int = 0
    longest_gap: float = 0.0


@dataclass(frozen=True)
class SessionError:
    """A session met an error; unless `fatal` it goes on."""

    session: str
    message: str
    fatal: bool


@dataclass(frozen=True)
class Departed:
    """A session was given away: this worker knows nothing of it any more.

    Attributes:
        session: its name.
        epoch: of what it was speaking.
        action: what it was doing.
        resume: where another worker goes on.
    """

    session: str
    epoch: int
    action: str
    resume: Continuation


@dataclass(frozen=True)
class Heartbeat:
    """The worker has made progress; `stage` says with what.

    Attributes:
        busy: share of the last seconds in which it worked, 0 to 1.
    """

    stage: str
    busy: float = 0.0


@dataclass(frozen=True)
class Failed:
    """The worker could not load the model, and why in one sentence."""

    message: str


Event = MediaSegment | Ready | SessionError | Departed | Heartbeat | Failed
