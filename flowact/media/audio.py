"""Recordings of any usual format, decoded in blocks so that their length does not cost memory."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_CHUNK, SAMPLES_PER_FRAME

DEFAULT_MAX_MINUTES: Final = 30.0
SILENCE_PEAK: Final = 10 ** (-70 / 20)
"""A recording that nowhere exceeds this amplitude (-70 dB of full scale) has nothing to say."""

_FORMATS: Final = "aac,ac3,aiff,amr,asf,au,avi,caf,flac,matroska,mov,mp3,mpegts,ogg,w64,wav"
_OPEN_OPTIONS: Final = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
"""Playlists and network addresses inside a file could reach what the user did not name."""


@dataclass(frozen=True)
class Recording:
    """A checked source of sound that can be read any number of times.

    Attributes:
        name: how messages call it.
        sample_rate: samples per second of the source itself.
        samples: length at 16 kHz.
        frames: opens the source and yields its sound as it is, at its own rate and layout.
    """

    name: str
    sample_rate: int
    samples: int
    frames: Callable[[], Iterator[av.AudioFrame]]

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
        for block in _regroup(_to_mono16k(self.frames()), size):
            yield np.pad(block.clip(-1, 1), (0, size - len(block)))

    def read(self) -> NDArray[np.float32]:
        """Return the whole recording, float32 `[samples]` at 16 kHz. For short recordings."""
        return np.concatenate(list(_to_mono16k(self.frames()))).clip(-1, 1)

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
        rate = _sample_rate(path)
        return cls._checked(path.name, rate, lambda: _decode(path), max_minutes)

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
        samples, peak = 0, 0.0
        for piece in _to_mono16k(frames()):
            if not np.isfinite(piece).all():
                raise UserError(f"{name} holds samples that are not numbers (NaN or infinite).")
            samples += len(piece)
            peak = max(peak, float(np.abs(piece).max(initial=0.0)))
            if samples > max_minutes * 60 * SAMPLE_RATE:
                raise UserError(
                    f"{name} is longer than {max_minutes:g} minutes; "
                    "allow more with --max-minutes or cut it."
                )
        if samples == 0:
            raise UserError(f"{name} is empty: it holds no sound that can be decoded.")
        if peak < SILENCE_PEAK:
            raise UserError(
                f"{name} is silent: nowhere louder than {_decibel(peak)} of full scale."
            )
        return cls(name, sample_rate, samples, frames)


def _decibel(amplitude: float) -> str:
    return f"{20 * np.log10(amplitude):.0f} dB" if amplitude > 0 else "minus infinity dB"


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise UserError(f"There is no audio file {path}.")
    if not path.is_file():
        raise UserError(f"{path} is not an audio file.")
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty: the file has no bytes.")


def _open(path: Path) -> av.container.InputContainer:
    try:
        container = av.open(f"file:{path}", options=_OPEN_OPTIONS)
    except PermissionError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except av.FFmpegError as error:
        raise UserError(
            f"{path.name} is not audio that can be read; wav, mp3, flac, m4a and ogg can."
        ) from error
    if container.streams.audio:
        return container
    container.close()
    raise UserError(f"{path.name} has no sound in it.")


def _sample_rate(path: Path) -> int:
    with _open(path) as container:
        return int(container.streams.audio[0].sample_rate or SAMPLE_RATE)


def _decode(path: Path) -> Iterator[av.AudioFrame]:
    """Yield the first audio stream's frames; packets that are damaged are left out."""
    with _open(path) as container:
        for packet in container.demux(container.streams.audio[0]):
            try:
                yield from packet.decode()
            except av.InvalidDataError:
                continue


def _frames_of(samples: NDArray[np.float32], sample_rate: int) -> Iterator[av.AudioFrame]:
    for start in range(0, len(samples), sample_rate):
        piece = np.ascontiguousarray(samples[None, start : start + sample_rate])
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        yield frame


def _to_mono16k(frames: Iterable[av.AudioFrame]) -> Iterator[NDArray[np.float32]]:
    """Convert frames of any rate and layout, which may change on the way, to 16 kHz mono.

    Nothing is clipped here, so that infinite samples can still be told from loud ones.
    """
    resampler, source = None, None
    for frame in frames:
        frame.pts = None
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or kind != source:
            if resampler is not None:
                yield from map(_samples, resampler.resample(None))
            resampler, source = _resampler_for(frame), kind
        yield from map(_samples, resampler.resample(frame))
    if resampler is not None:
        yield from map(_samples, resampler.resample(None))


def _resampler_for(frame: av.AudioFrame) -> av.AudioResampler:
    """Keep one or two channels as they are: FFmpeg's own way to mono makes them 3 dB louder."""
    layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
    return av.AudioResampler("fltp", layout, SAMPLE_RATE)


def _samples(frame: av.AudioFrame) -> NDArray[np.float32]:
    return np.asarray(frame.to_ndarray().mean(axis=0), dtype=np.float32)


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
