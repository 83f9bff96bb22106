"""The sound of a video being written: the original recording at its own rate, as AAC."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import Final

import av
from av.container import OutputContainer

from flowact.media.audio import Recording
from mediafiles.sound import resampled

_AAC_RATES: Final = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)
_FALLBACK_RATE: Final = 48_000


class Soundtrack:
    """Copies a recording into a container, as far as the picture has come.

    Mono stays mono, everything else becomes stereo; a rate that AAC does not know becomes 48 kHz.
    """

    def __init__(self, container: OutputContainer, recording: Recording) -> None:
        rate = recording.sample_rate if recording.sample_rate in _AAC_RATES else _FALLBACK_RATE
        self._container = container
        frames = recording.frames()
        first = next(frames)
        layout = "mono" if first.layout.nb_channels == 1 else "stereo"
        self._stream = container.add_stream("aac", rate=rate, layout=layout)
        self._pieces = resampled(chain([first], frames), layout, rate)
        self._rate, self._written = rate, 0

    def write_until(self, seconds: Fraction) -> None:
        """Write sound up to the given time, or to its end."""
        while self._written < seconds * self._rate:
            piece = next(self._pieces, None)
            if piece is None:
                return
            self._write(piece)

    def close(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))

    def _write(self, piece: av.AudioFrame) -> None:
        piece.pts, piece.time_base = self._written, Fraction(1, self._rate)
        self._written += piece.samples
        self._container.mux(self._stream.encode(piece))
