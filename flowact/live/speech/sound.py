"""Sound of voices: decoded as it comes, brought to one level."""

from __future__ import annotations

import io
import struct
from collections.abc import AsyncIterator
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.timebase import SAMPLE_RATE

Signal = NDArray[np.float32]
PEAK: Final = 0.5
"""What the model was trained at about."""
LEAST_PEAK: Final = 10 ** (-40 / 20)
"""What nowhere exceeds this is no voice: raising it makes a click of nothing."""
MOST_BYTES: Final = 8_000_000
NOT_SOUND: Final = "The voice gave something that is not sound."
_BLOCK: Final = 4_000
"""Samples of a streamed voice that are worth passing on."""


def normalised(samples: Signal) -> Signal:
    """Bring a voice to the usual peak, if there is one."""
    loudest = float(np.abs(samples).max(initial=0))
    return samples * np.float32(PEAK / loudest) if loudest > LEAST_PEAK else samples


def decode_sound(data: bytes) -> Signal:
    """Decode a sound file in memory to mono at 16 kHz.

    Raises:
        UserError: it cannot be decoded.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
            frames = [*container.decode(audio=0), None]
            segments = [
                made.to_ndarray()[0] for frame in frames for made in resampler.resample(frame)
            ]
    except (av.FFmpegError, IndexError) as error:
        raise UserError(NOT_SOUND) from error
    return np.concatenate(segments) if segments else np.zeros(0, np.float32)


async def decode_stream(chunks: AsyncIterator[bytes]) -> AsyncIterator[Signal]:
    """Decode a sound file while it comes: 16-bit WAV block by block, anything else at its end.

    Raises:
        UserError: it is no sound, or far too much of it.
    """
    data, stream, total = b"", None, 0
    async for chunk in chunks:
        data, total = data + chunk, total + len(chunk)
        if total > MOST_BYTES:
            raise UserError("The voice gave far too much sound for one sentence.")
        if stream is None and (begin := _wave_begin(data)) is not None:
            rate, channels, start = begin
            stream, data = _PcmStream(rate, channels), data[start:]
        if stream is not None and len(data) >= 2 * _BLOCK:
            whole = len(data) // stream.frame_bytes * stream.frame_bytes
            yield stream.push(data[:whole])
            data = data[whole:]
    if stream is None:
        yield decode_sound(data)
        return
    yield stream.push(data[: len(data) // stream.frame_bytes * stream.frame_bytes])
    yield stream.end()


class Level:
    """Brings a voice that comes in blocks to the usual peak, as far as it is known by then."""

    def __init__(self) -> None:
        self._loudest = PEAK / 2  # a voice begins softly: it is raised by two at most

    def apply(self, samples: Signal) -> Signal:
        """Return a block at the level of the loudest so far."""
        self._loudest = max(self._loudest, float(np.abs(samples).max(initial=0)))
        return samples * np.float32(PEAK / self._loudest)


class _PcmStream:
    """16-bit samples of any rate and number of channels to mono at 16 kHz."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._layout = rate, "mono" if channels == 1 else "stereo"
        self.frame_bytes = 2 * channels
        self._resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)

    def push(self, data: bytes) -> Signal:
        """Return what is ready."""
        if not data:
            return np.zeros(0, np.float32)
        samples = np.frombuffer(data, "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=self._layout)
        frame.sample_rate = self._rate
        return self._made(frame)

    def end(self) -> Signal:
        """Return what the filter still holds."""
        return self._made(None)

    def _made(self, frame: av.AudioFrame | None) -> Signal:
        made = [block.to_ndarray()[0] for block in self._resampler.resample(frame)]
        return np.concatenate(made) if made else np.zeros(0, np.float32)


def _wave_begin(data: bytes) -> tuple[int, int, int] | None:
    """Return rate, channels and where the samples begin, of 16-bit WAV whose head has come; else None."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    at, form = 12, None
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"fmt " and at + 24 <= len(data):
            form = struct.unpack_from("<HHIIHH", data, at + 8)
        if name == b"data":
            if form is None or form[0] not in (1, 0xFFFE) or form[5] != 16 or form[1] not in (1, 2):
                return None
            return form[2], form[1], at + 8
        at += 8 + size + size % 2
    return None
