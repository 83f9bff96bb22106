"""Where a session's sound comes from: nowhere, a reply that is known ahead, or a live microphone.

A source is read for every chunk, or for each of its latents: `ready` says how many of them may be shown,
`ahead` is all that is known of the future, which the model hears before it is spoken, and `take` removes
what is spoken.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from flowact.serving.messages import PendingSound
from flowact.timebase import (
    SAMPLE_RATE,
    SAMPLES_PER_CHUNK,
    SAMPLES_PER_FRAME,
    SAMPLES_PER_LATENT,
)

Signal = NDArray[np.float32]

LISTEN_AHEAD: Final = 44 * SAMPLES_PER_FRAME
"""The longest window of the default schedule and a little more; silence is known this far ahead."""
PATIENCE: Final = 0.25
"""Seconds beyond its time that a chunk waits for the rest of its live sound."""
FORESEEN: Final = 4 * SAMPLES_PER_FRAME
"""Live sound after a latent's own that its lips foresee: they get ready for the next sound before it comes."""
ENOUGH: Final = SAMPLES_PER_LATENT + FORESEEN
"""Live sound that work begins with."""
MOST_BACKLOG: Final = SAMPLES_PER_CHUNK + 6 * SAMPLES_PER_FRAME
"""More live sound than this is delay that the viewer would hear; the oldest is dropped."""
MOST_PENDING: Final = 30 * SAMPLE_RATE
"""A reply is fed as it is spoken; a session never holds more of it than this."""


class AudioSource(Protocol):
    """A session's sound from the next chunk on."""

    def begin(self, by_clock: float) -> float:
        """Return when work is to begin again, if the clock alone said `by_clock`."""

    def ready(self, left: int) -> int:
        """Return how many of the `left` latents of a chunk are to be shown now, one at least."""

    def ahead(self, latents: int) -> Signal:
        """Return what is known of the future, at least the sound of so many latents."""

    def take(self, latents: int) -> TakenSound:
        """Remove the sound of so many latents."""

    def pending(self) -> PendingSound:
        """Return what is left, for another process to go on with; see `source_of`."""


@dataclass(frozen=True)
class TakenSound:
    """Sound of some latents `[latents * 2560]`, what is left, and how it is to be understood.

    Attributes:
        sound: the samples.
        speaking: whether they are speech.
        pending: samples that are left.
        finished: whether a reply ends with them.
        received: when the last of them was here, by `time.time()`; 0 unless they are live.
    """

    sound: Signal
    speaking: bool
    pending: int
    finished: bool
    received: float = 0.0


class Silence:
    """Nothing is said, and it is known that nothing will be."""

    def begin(self, by_clock: float) -> float:
        """Return the clock's time."""
        return by_clock

    def ready(self, left: int) -> int:
        """Return all of them."""
        return left

    def ahead(self, latents: int) -> Signal:
        """Return zeros as far as the model listens."""
        return np.zeros(LISTEN_AHEAD, np.float32)

    def take(self, latents: int) -> TakenSound:
        """Return zeros."""
        return TakenSound(_silence(latents), False, 0, False)

    def pending(self) -> PendingSound:
        """Return nothing."""
        return PendingSound()


class Reply:
    """Speech of which the next seconds are known; it is followed by silence."""

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)
        self._complete = False

    def extend(self, samples: Signal, final: bool) -> None:
        """Append samples; `final` says that there will be no more.

        Raises:
            ValueError: more sound than a session may hold, or sound after the end.
        """
        if self._complete and len(samples):
            raise ValueError("sound was appended to a reply that had ended")
        if len(self._samples) + len(samples) > MOST_PENDING:
            raise ValueError(f"a reply may have {MOST_PENDING} samples in hand, not more")
        self._samples = np.concatenate([self._samples, samples])
        self._complete = self._complete or final

    def begin(self, by_clock: float) -> float:
        """Return the clock's time."""
        return by_clock

    def ready(self, left: int) -> int:
        """Return all of them."""
        return left

    def ahead(self, latents: int) -> Signal:
        """Return the known speech; after its end, silence is known as well."""
        known = self._samples[:LISTEN_AHEAD]
        wanted = LISTEN_AHEAD if self._complete else latents * SAMPLES_PER_LATENT
        return _padded(known, wanted)

    def take(self, latents: int) -> TakenSound:
        """Remove the next sound; what is missing at the end, or came too late, is silence."""
        length = latents * SAMPLES_PER_LATENT
        sound, self._samples = np.split(self._samples, [length])
        pending = len(self._samples)
        finished = self._complete and pending == 0
        return TakenSound(_padded(sound, length), True, pending, finished)

    def pending(self) -> PendingSound:
        """Return what was not spoken yet."""
        return PendingSound("reply", to_pcm16(self._samples), self._complete)


class Microphone:
    """Live sound: spoken as soon as there is `ENOUGH` of it, and silence until then.

    Sound comes at the pace of time itself, so that it, and not the clock, says when work begins: a
    packet that is late delays a latent and leaves no hole, and nothing waits in reserve. A chunk is made
    once for each of its latents, which is shown as soon as it has heard enough: for two more calls of the
    model the viewer's lips move 0.16 s earlier, and all of them have heard what follows.
    """

    def __init__(self) -> None:
        self._samples = np.zeros(0, np.float32)
        self._received = 0.0
        self._flowing = False

    def begin(self, by_clock: float) -> float:
        """Begin at once when enough has come, and a little late rather than without its last packet."""
        if len(self._samples) >= ENOUGH:
            return float("-inf")
        return by_clock + PATIENCE if self._flowing else by_clock

    def push(self, samples: Signal, received: float) -> None:
        """Append what the microphone heard, `received` being when its last sample was here."""
        self._samples = np.concatenate([self._samples, samples])[-MOST_BACKLOG:]
        self._received = received

    def ready(self, left: int) -> int:
        """Return those that have their own sound and what their lips foresee."""
        self._arm()
        if not self._flowing:
            return left
        return min(max((len(self._samples) - FORESEEN) // SAMPLES_PER_LATENT, 1), left)

    def ahead(self, latents: int) -> Signal:
        """Return what has come; the model is told that it does not know what follows."""
        self._arm()
        known = self._samples if self._flowing else self._samples[:0]
        return _padded(known, latents * SAMPLES_PER_LATENT)

    def take(self, latents: int) -> TakenSound:
        """Remove the next sound, if there is some."""
        self._arm()
        if not self._flowing:
            return TakenSound(_silence(latents), False, len(self._samples), False)
        length = latents * SAMPLES_PER_LATENT
        sound, self._samples = np.split(self._samples, [length])
        self._flowing = len(sound) == length
        waiting = len(self._samples)
        heard = self._received - waiting / SAMPLE_RATE
        return TakenSound(_padded(sound, length), True, waiting, False, heard)

    def pending(self) -> PendingSound:
        """Return what has come and was not spoken."""
        return PendingSound("microphone", to_pcm16(self._samples))

    def _arm(self) -> None:
        """Begin once there is enough, dropping what is older than that."""
        if not self._flowing and len(self._samples) >= ENOUGH:
            self._samples = self._samples[-ENOUGH:]
            self._flowing = True


def source_of(pending: PendingSound) -> AudioSource:
    """Go on with what another source had left."""
    match pending.kind:
        case "silence":
            return Silence()
        case "reply":
            reply = Reply()
            reply.extend(from_pcm16(pending.sound), pending.complete)
            return reply
        case "microphone":
            microphone = Microphone()
            microphone.push(from_pcm16(pending.sound), time.time())
            return microphone


def from_pcm16(data: bytes) -> Signal:
    """Little-endian 16-bit samples to float32 in [-1, 1]; half a sample at the end is dropped."""
    whole = data[: len(data) // 2 * 2]
    return np.frombuffer(whole, "<i2").astype(np.float32) / np.float32(32768)


def to_pcm16(samples: Signal) -> bytes:
    """Float32 in [-1, 1] to little-endian 16-bit samples; what is louder is clipped."""
    return bytes(np.rint(samples * 32768).clip(-32768, 32767).astype("<i2").tobytes())


def _silence(latents: int) -> Signal:
    return np.zeros(latents * SAMPLES_PER_LATENT, np.float32)


def _padded(samples: Signal, length: int) -> Signal:
    return np.pad(samples, (0, max(length - len(samples), 0)))
