"""The last minutes of a session as an mp4 file: the very pictures and sound that were sent."""

from __future__ import annotations

import io
import json
from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import av
import numpy as np

from flowact.errors import UserError
from flowact.serving.messages import MediaSegment
from flowact.timebase import FPS, FRAMES_PER_LATENT, SAMPLE_RATE

MINUTES: Final = 3
MOST_BYTES: Final = 40_000_000
AI_SOURCE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's name for media that a trained model made."""
_AAC_SAMPLES: Final = 1024
_JPEG: Final = b"\xff\xd8"


class Recorder:
    """Keeps encoded segments, bounded in time and bytes.

    Args:
        minutes, most_bytes: bounds, beyond which the oldest are forgotten.
    """

    def __init__(self, minutes: int = MINUTES, most_bytes: int = MOST_BYTES) -> None:
        self._pieces: deque[MediaSegment] = deque()
        self._most_segments = minutes * 60 * FPS // FRAMES_PER_LATENT
        self._bytes, self._most_bytes = 0, most_bytes
        self._gap = False

    def keep(self, segment: MediaSegment) -> None:
        """Append a segment and forget what is too old."""
        if self._gap and not _begins_anew(segment):
            return
        self._gap = False
        self._pieces.append(segment)
        self._bytes += _size(segment)
        while self._bytes > self._most_bytes or len(self._pieces) > self._most_segments:
            self._bytes -= _size(self._pieces.popleft())

    def leave_out(self) -> None:
        """A segment is not kept: what follows shows nothing without it, up to the next key frame."""
        self._gap = True

    def clear(self) -> None:
        """Forget everything."""
        self._pieces.clear()
        self._bytes = 0

    def kept(self) -> list[MediaSegment]:
        """Return what can be shown: everything from the first key frame on."""
        segments = list(self._pieces)
        for first, segment in enumerate(segments):
            if _begins_anew(segment):
                return segments[first:]
        return []


def to_mp4(segments: list[MediaSegment], provenance: Mapping[str, object]) -> bytes:
    """Write segments as mp4 without encoding the pictures again.

    Args:
        segments: in order, the first beginning with a key frame.
        provenance: what to write into the file about its making.

    Raises:
        UserError: there is nothing to write yet.
    """
    if not segments:
        raise UserError("There is nothing to keep yet; start a session and wait for some seconds.")
    frames = [frame for segment in segments for frame in segment.frames]
    buffer = io.BytesIO()
    with (
        av.open(io.BytesIO(frames[0].data), format=_format(frames[0].data)) as first,
        av.open(buffer, "w", format="mp4") as container,
    ):
        container.metadata["comment"] = json.dumps(dict(provenance), sort_keys=True)
        container.metadata["description"] = "AI-generated with FlowAct"
        video = container.add_stream_from_template(first.streams.video[0])
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        _write_sound(container, audio, segments)
        for index, frame in enumerate(frames):
            packet = av.Packet(frame.data)
            packet.stream, packet.time_base = video, Fraction(1, FPS)
            packet.pts = packet.dts = index
            packet.duration, packet.is_keyframe = 1, frame.key
            container.mux(packet)
    return buffer.getvalue()


def _write_sound(
    container: av.container.OutputContainer, stream: av.AudioStream, segments: list[MediaSegment]
) -> None:
    samples = np.frombuffer(b"".join(segment.sound for segment in segments), "<i2")
    for start in range(0, len(samples), _AAC_SAMPLES):
        block = samples[None, start : start + _AAC_SAMPLES].astype(np.float32) / 32768
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        frame.time_base = Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _format(frame: bytes) -> str:
    """Name the raw format that FFmpeg reads a frame's parameters from."""
    return "mjpeg" if frame.startswith(_JPEG) else "h264"


def _begins_anew(segment: MediaSegment) -> bool:
    """Whether a segment can be shown without those before it."""
    return bool(segment.frames) and segment.frames[0].key


def _size(segment: MediaSegment) -> int:
    return len(segment.sound) + sum(len(frame.data) for frame in segment.frames)
