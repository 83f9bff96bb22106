"""The sound of a video being written: the original recording at its own rate, as AAC."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av
from av.container import OutputContainer

from flowact.media.audio import Recording

_AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)
_FALLBACK_RATE: Final = 48_000


class Soundtrack:
    """Copies a recording into a container, as far as the picture has come.

    Mono stays mono, everything else becomes stereo; a rate that AAC does not know becomes 48 kHz.
    """

    def __init__(self, container: OutputContainer, recording: Recording) -> None:
        rate = recording.sample_rate if recording.sample_rate in _AAC_RATES else _FALLBACK_RATE
        self._container = container
        self._source = recording.frames()
        first = next(self._source)
        self._ahead: av.AudioFrame | None = first
        layout = "mono" if first.layout.nb_channels == 1 else "stereo"
        self._stream = container.add_stream("aac", rate=rate, layout=layout)
        self._resampler = av.AudioResampler("fltp", layout, rate)
        self._rate, self._written = rate, 0

    def write_until(self, seconds: Fraction) -> None:
        """Write sound up to the given time, or to its end."""
        while self._written < seconds * self._rate:
            frame = self._next()
            if frame is None:
                return
            self._write(frame)

    def close(self) -> None:
        """Write what the filter and the encoder still hold."""
        self._write(None)
        self._container.mux(self._stream.encode(None))

    def _next(self) -> av.AudioFrame | None:
        frame, self._ahead = self._ahead, next(self._source, None)
        return frame

    def _write(self, frame: av.AudioFrame | None) -> None:
        if frame is not None:
            frame.pts = None
        for piece in self._resampler.resample(frame):
            piece.pts, piece.time_base = self._written, Fraction(1, self._rate)
            self._written += piece.samples
            self._container.mux(self._stream.encode(piece))
