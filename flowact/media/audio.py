"""Recordings of any usual format, decoded in blocks so that their length does not cost memory."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Final, cast

import av
import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.media.refusals import user_errors
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_CHUNK, SAMPLES_PER_FRAME
from mediafiles.containers import reading
from mediafiles.errors import printable
from mediafiles.sound import Mixdown, first_rate, mixed, resampled, sound_frames

DEFAULT_MAX_MINUTES: Final = 30.0
SILENCE_PEAK: Final = 10 ** (-70 / 20)
"""A recording that nowhere exceeds this amplitude (-70 dB of full scale) has nothing to say."""
QUIET: Final = -42.0
"""Level in dB of full scale below which speech is too quiet for lips that learnt from ordinary recordings."""
USUAL: Final = -23.0
"""Level to which such a recording is raised."""
MOST_GAIN: Final = 40.0
"""Decibels by which it may be raised; what is quieter still is mostly noise."""
LOUD: Final = 0.0
"""Level above which a recording is brought down, as it would be cut nearly everywhere: floats know no bound."""
_LOUD: Final = 0.95
"""Share of a recording that is at most as loud as its level: it has pauses."""
_LOWEST: Final = -120
_HIGHEST: Final = 120


@dataclass(frozen=True)
class Recording:
    """A checked source of sound that can be read any number of times.

    Attributes:
        name: how messages call it.
        sample_rate: samples per second of the source itself.
        samples: length at 16 kHz.
        frames: opens the source and yields its sound as it is, at its own rate and layout.
        mix: how much of the left and the right channel is heard, gain included.
        remarks: what its owner should know about it, one sentence each.
    """

    name: str
    sample_rate: int
    samples: int
    frames: Callable[[], Iterator[av.AudioFrame]]
    mix: tuple[float, float] = (0.5, 0.5)
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / SAMPLE_RATE

    @property
    def video_frames(self) -> int:
        """Number of video frames that cover the recording."""
        return -(-self.samples // SAMPLES_PER_FRAME)

    def blocks(self, size: int = SAMPLES_PER_CHUNK) -> Iterator[NDArray[np.float32]]:
        """Yield the sound at 16 kHz, mono, float32 in [-1, 1], `size` samples at a time.

        The last block is padded with silence to `size`.

        Raises:
            UserError: the file changed since it was opened and cannot be read any more.
        """
        for block in _regroup(self._mono(), size):
            yield np.pad(block.clip(-1, 1), (0, size - len(block)))

    def read(self) -> NDArray[np.float32]:
        """Return the whole recording, float32 `[samples]` at 16 kHz. For short recordings."""
        return np.concatenate(list(self._mono())).clip(-1, 1)

    def _mono(self) -> Iterator[NDArray[np.float32]]:
        for frame in resampled(self.frames(), None, SAMPLE_RATE):
            yield mixed(np.asarray(frame.to_ndarray(), np.float32), self.mix)

    def repeated(self, seconds: float) -> Recording:
        """Return the same sound over and over, `seconds` long; it takes the memory of one round."""
        once, samples = self.read(), round(seconds * SAMPLE_RATE)
        rounds, rest = divmod(samples, len(once))

        def frames() -> Iterator[av.AudioFrame]:
            for piece in [*repeat(once, rounds), once[:rest]]:
                yield from _frames_of(piece, SAMPLE_RATE)

        return Recording(self.name, SAMPLE_RATE, samples, frames)

    @classmethod
    def open(cls, path: str | Path, max_minutes: float = DEFAULT_MAX_MINUTES) -> Recording:
        """Decode the whole file once, keeping nothing, and vouch for what it holds.

        Raises:
            UserError: missing, not a file, no sound that can be decoded, empty, silent, not finite
                or longer than `max_minutes`.
        """
        path = Path(path)
        _check_exists(path)
        with user_errors(), reading(path, "sound"):
            rate = first_rate(path)
            return cls._checked(printable(path.name), rate, lambda: _decode(path), max_minutes)

    @classmethod
    def from_samples(
        cls,
        samples: NDArray[np.floating],
        sample_rate: int = SAMPLE_RATE,
        max_minutes: float = DEFAULT_MAX_MINUTES,
    ) -> Recording:
        """Wrap sound that is already in memory: mono `[samples]`, full scale +-1.

        Raises:
            ValueError: `samples` is not one-dimensional or `sample_rate` is not positive.
            UserError: empty, silent, not finite or longer than `max_minutes`.
        """
        if samples.ndim != 1:
            raise ValueError(f"samples must have shape [samples], got {list(samples.shape)}")
        if sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive, got {sample_rate}")
        mono = samples.astype(np.float32)
        return cls._checked(
            "the sound", sample_rate, lambda: _frames_of(mono, sample_rate), max_minutes
        )

    @classmethod
    def _checked(
        cls,
        name: str,
        sample_rate: int,
        frames: Callable[[], Iterator[av.AudioFrame]],
        max_minutes: float,
    ) -> Recording:
        measured = _Measure()
        for frame in resampled(frames(), None, SAMPLE_RATE):
            block = np.asarray(frame.to_ndarray(), np.float32)
            if not np.isfinite(block).all():
                raise UserError(f"{name} holds samples that are not numbers (NaN or infinite).")
            measured.add(block)
            if measured.samples > max_minutes * 60 * SAMPLE_RATE:
                raise UserError(
                    f"{name} is longer than {max_minutes:g} minutes; "
                    "allow more with --max-minutes or cut it."
                )
        if measured.samples == 0:
            raise UserError(f"{name} is empty: it holds no sound that can be decoded.")
        if measured.peak < SILENCE_PEAK:
            raise UserError(
                f"{name} is silent: nowhere louder than {_decibel(measured.peak)} of full scale."
            )
        heard = frames if measured.loss == 1 else lambda: _quieter(frames(), measured.loss)
        return cls(
            name, sample_rate, measured.samples, heard, measured.mix, tuple(measured.remarks(name))
        )


class _Measure:
    """What a first pass over a recording finds: its length, its peak, its level, and how to mix it."""

    def __init__(self) -> None:
        self.samples, self.peak = 0, 0.0
        self._mixdown = Mixdown()
        self._levels = np.zeros(_HIGHEST - _LOWEST + 1)  # samples by level, the loudest first

    def add(self, block: NDArray[np.float32]) -> None:
        """Take note of `[channels, samples]` at 16 kHz."""
        self.samples += block.shape[1]
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        self._mixdown.measure(block)
        power = float(np.square(block, dtype=np.float64).mean(1).max(initial=0.0))
        level = round(10 * float(np.log10(max(power, 1e-12))))
        self._levels[_HIGHEST - min(max(level, _LOWEST), _HIGHEST)] += block.shape[1]

    @property
    def _gain(self) -> float:
        loudest = np.cumsum(self._levels) >= (1 - _LOUD) * self.samples
        level = _HIGHEST - float(np.argmax(loudest))
        if level < QUIET:
            return min(MOST_GAIN, USUAL - level)
        return USUAL - level if level > LOUD else 0.0

    @property
    def mix(self) -> tuple[float, float]:
        """Shares of the channels, times the gain of a recording that is too quiet."""
        left, right = self._mixdown.weights
        gain = 10 ** (max(0.0, self._gain) / 20)
        return left * gain, right * gain

    @property
    def loss(self) -> float:
        """Factor at most 1 that brings a recording beyond full scale back to it, for lips and soundtrack."""
        return float(10 ** (min(0.0, self._gain) / 20))

    def remarks(self, name: str) -> Iterator[str]:
        """One sentence for each thing that was done to a recording."""
        if self._gain > 0:
            yield f"{name} is very quiet, so it is heard {self._gain:.0f} dB louder than it is."
        if self._gain < 0:
            yield f"{name} is far too loud, so it is heard {-self._gain:.0f} dB quieter than it is."
        if self._mixdown.cancels:
            yield f"The channels of {name} cancel each other, so the louder one is heard alone."


def _decibel(amplitude: float) -> str:
    return f"{20 * np.log10(amplitude):.0f} dB" if amplitude > 0 else "minus infinity dB"


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise UserError(f"There is no audio file {path}.")
    if not path.is_file():
        raise UserError(f"{path} is not an audio file.")
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty: the file has no bytes.")


def _decode(path: Path) -> Iterator[av.AudioFrame]:
    with user_errors():
        yield from sound_frames(path)


def _quieter(frames: Iterable[av.AudioFrame], factor: float) -> Iterator[av.AudioFrame]:
    for frame in frames:
        planes = cast("NDArray[np.float32]", frame.to_ndarray())
        changed = av.AudioFrame.from_ndarray(
            (planes * factor).astype(planes.dtype), frame.format.name, frame.layout.name
        )
        changed.sample_rate = frame.sample_rate
        yield changed


def _frames_of(samples: NDArray[np.float32], sample_rate: int) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), sample_rate):
        piece = np.ascontiguousarray(samples[None, start : start + sample_rate])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        yield frame


def _regroup(pieces: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Cut a stream of arrays of any length into arrays of `size`; the last may be shorter."""
    rest = np.zeros(0, np.float32)
    for piece in pieces:
        rest = np.concatenate([rest, piece])
        while len(rest) >= size:
            yield rest[:size]
            rest = rest[size:]
    if len(rest):
        yield rest


def to_wave(pcm: bytes) -> bytes:
    """Wrap 16-bit mono sound at 16 kHz into a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)
    return buffer.getvalue()
