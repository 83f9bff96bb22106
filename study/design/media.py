"""Reading and writing of clips with PyAV: one canvas, one frame rate, one set of codec settings."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from study.design.config import Stimuli
from study.design.loudness import Audio
from study.errors import StudyError

Frame = NDArray[np.uint8]
BACKGROUND = 118  # neutral grey behind a picture that does not fill the canvas
SEI_FILTER = "filter_units=remove_types=6"  # x264 writes its settings there


@dataclass(frozen=True)
class Probe:
    """What a container says and what decoding confirmed. Durations in seconds."""

    width: int
    height: int
    frames: int
    seconds: float
    has_audio: bool


def probe(path: Path) -> Probe:
    """Decode the whole file once; raises StudyError when a frame is broken or there is no picture."""
    frames, end = 0, 0.0
    with _open(path) as container:
        stream = _video_stream(path, container)
        try:
            for frame in container.decode(stream):
                frames += 1
                end = max(end, float(frame.time or 0.0))
        except av.FFmpegError as error:
            raise StudyError(f"{path}: broken after frame {frames} ({error.strerror})") from None
        rate = stream.average_rate
        if frames < 2 or rate is None:
            raise StudyError(f"{path}: expected a video of at least two frames, found {frames}")
        expected = stream.frames
        if expected and frames < expected - 1:
            raise StudyError(f"{path}: holds {frames} readable frames, its header says {expected}")
        return Probe(
            width=stream.width,
            height=stream.height,
            frames=frames,
            seconds=end + float(1 / rate),
            has_audio=bool(container.streams.audio),
        )


def frames_at(path: Path, settings: Stimuli, count: int) -> Iterator[Frame]:
    """`count` frames [height, width, 3] at the canvas and rate of `settings`.

    The source frame shown at the middle of each output frame is taken, the last one is held.
    """
    with _open(path) as container:
        stream = _video_stream(path, container)
        decoded = container.decode(stream)
        current = following = next(decoded, None)
        if current is None:
            raise StudyError(f"{path}: holds no picture")
        for index in range(count):
            moment = (index + 0.5) / settings.fps
            while following is not None and float(following.time or 0.0) <= moment:
                current, following = following, next(decoded, None)
            yield _fit(current, settings)


def _fit(frame: av.VideoFrame, settings: Stimuli) -> Frame:
    """Scale to fit the canvas, keep the aspect, centre on neutral grey."""
    scale = min(settings.width / frame.width, settings.height / frame.height)
    width = max(2, round(frame.width * scale / 2) * 2)
    height = max(2, round(frame.height * scale / 2) * 2)
    picture = frame.reformat(width=width, height=height, format="rgb24", interpolation="BICUBIC")
    canvas = np.full((settings.height, settings.width, 3), BACKGROUND, np.uint8)
    top, left = (settings.height - height) // 2, (settings.width - width) // 2
    canvas[top : top + height, left : left + width] = picture.to_ndarray()
    return canvas


def read_audio(path: Path, rate: int, seconds: float) -> Audio:
    """Mono float32 [1, samples] at `rate`, cut or padded with silence to `seconds`."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    blocks: list[NDArray[Any]] = []
    with _open(path) as container:
        if not container.streams.audio:
            raise StudyError(f"{path}: holds no sound; name the driving audio in the manifest")
        try:
            for frame in container.decode(audio=0):
                blocks += [part.to_ndarray() for part in resampler.resample(frame)]
            blocks += [part.to_ndarray() for part in resampler.resample(None)]
        except av.FFmpegError as error:
            raise StudyError(f"{path}: the sound is broken ({error.strerror})") from None
    wanted = round(rate * seconds)
    audio = np.concatenate(blocks, axis=1)[:, :wanted]
    return np.pad(audio, ((0, 0), (0, wanted - audio.shape[1]))).astype(np.float32)


def write_clip(path: Path, frames: Iterator[Frame], audio: Audio, settings: Stimuli) -> None:
    """Encode H.264 + AAC into an MP4 without metadata. `audio` is [1, samples] at settings.audio_rate.

    The frame-type pattern is fixed (no scene cuts, no adaptive B frames) and one thread is used, so that
    the structure of the file says nothing about the picture and equal input gives equal bytes.
    """
    flags = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=flags) as container:
        video = _add_video(container, settings)
        sound = container.add_stream(
            "aac", rate=settings.audio_rate, layout="mono", bit_rate=128_000
        )
        container.start_encoding()  # before it the stream does not know its size
        cleaner = av.BitStreamFilterContext(SEI_FILTER, video)
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, settings.fps)
            _mux(container, cleaner, video.encode(frame))
        _mux(container, cleaner, video.encode(None))
        block = av.AudioFrame.from_ndarray(audio, format="fltp", layout="mono")
        block.sample_rate, block.pts = settings.audio_rate, 0
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def _add_video(container: av.container.OutputContainer, settings: Stimuli) -> av.VideoStream:
    gop = settings.fps
    video = container.add_stream("libx264", rate=settings.fps)
    video.width, video.height, video.pix_fmt = settings.width, settings.height, "yuv420p"
    video.time_base = Fraction(1, settings.fps)
    video.thread_count = 1
    video.options = {
        "crf": str(settings.crf),
        "preset": settings.preset,
        "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:b-adapt=0:bframes=2:threads=1",
        "flags": "+bitexact",
    }
    return video


def _mux(
    container: av.container.OutputContainer,
    cleaner: av.BitStreamFilterContext,
    packets: list[av.Packet[Any]],
) -> None:
    for packet in packets:
        container.mux(cleaner.filter(packet))


def pad_to(path: Path, size: int) -> None:
    """Grow an MP4 to exactly `size` bytes by a trailing `free` box of zeros.

    Equal sizes keep the length of a download from telling a still picture from a lively one.
    """
    missing = size - path.stat().st_size
    if missing == 0:
        return
    if missing < 8:
        raise ValueError(f"cannot pad by {missing} bytes, expected 0 or at least 8")
    with path.open("ab") as stream:
        stream.write(struct.pack(">I4s", missing, b"free") + bytes(missing - 8))
        stream.flush()
        os.fsync(stream.fileno())


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The top-level boxes of an MP4 as (type, payload)."""
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[position : position + 8])
        header = 8
        if size == 1:
            size, header = struct.unpack(">Q", data[position + 8 : position + 16])[0], 16
        size = size or len(data) - position
        yield kind.decode("latin-1"), data[position + header : position + size]
        position += size


def _open(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError(f"{path}: cannot be opened as video or sound ({reason})") from None


def _video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise StudyError(f"{path}: holds no video stream")
    return container.streams.video[0]
