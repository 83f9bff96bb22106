"""Sound and picture files, made here so that the tests need no assets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

WriteAudio = Callable[..., Path]


def tone(seconds: float, rate: int = 16_000, hertz: float = 220.0) -> NDArray[np.float32]:
    """A sine at half of full scale, float32 [samples]."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype("f4")


@pytest.fixture
def write_audio(tmp_path: Path) -> WriteAudio:
    """Return `write(name, samples [channels, n] or [n], rate, codec)` -> path."""

    def write(name: str, samples: NDArray, rate: int = 16_000, codec: str = "pcm_s16le") -> Path:
        samples = np.atleast_2d(samples).astype(np.float32)
        layout = "mono" if len(samples) == 1 else "stereo"
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            container.start_encoding()
            formats = [f.name for f in stream.codec_context.codec.audio_formats]
            resampler = av.AudioResampler(formats[0], layout, rate)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
            frame.sample_rate = rate
            pieces = resampler.resample(frame) + resampler.resample(None) if samples.size else []
            for piece in pieces:
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
        return tmp_path / name

    return write
