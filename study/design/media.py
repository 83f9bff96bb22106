"""Reading and writing of clips with PyAV: one canvas, one frame rate, one set of codec settings."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from mediafiles import MediaError
from mediafiles.containers import reading
from mediafiles.screen import Screen
from mediafiles.sound import read_mono
from mediafiles.video import VideoFacts, inspect_video, video_frames
from study.encoding.clip_format import ClipFormat
from study.encoding.equal_sizes import FLAGS
from study.encoding.loudness import Audio
from study.errors import StudyError

Frame = NDArray[np.uint8]
BACKGROUND = 118  # neutral grey behind a picture that does not fill the canvas
SEI_FILTER = "filter_units=remove_types=6"  # x264 writes its settings there


MOST_MISSING = 2.5  # frames by which a file may end before its head says


@contextmanager
def study_errors() -> Iterator[None]:
    """Say what is wrong with a file as an error of the study, with the whole path."""
    try:
        yield
    except MediaError as error:
        raise StudyError(f"{error.path}: {error.reason}") from None


def probe(path: Path) -> VideoFacts:
    """Decode a whole video once; raises StudyError when it cannot be read or ends too early."""
    with study_errors():
        facts = inspect_video(path)
    if facts.missing_seconds > MOST_MISSING / facts.rate:
        whole = facts.seconds + facts.missing_seconds
        raise StudyError(
            f"{path}: breaks off after {facts.seconds:.2f} of {whole:.2f} s; copy or encode it again"
        )
    return facts


def frames_at(path: Path, form: ClipFormat, count: int, start: float = 0.0) -> Iterator[Frame]:
    """`count` frames [height, width, 3] in the size and rate of `form`, from `start` seconds on.

    The picture that a player shows at the middle of each output frame is taken, the last one is held.
    """
    screen = Screen(form.width, form.height, form.fit, BACKGROUND)
    with study_errors(), reading(path, "video"):
        shown = video_frames(path)
        current = following = next(shown, None)
        if current is None:
            raise StudyError(f"{path}: holds no picture")
        pixels: Frame | None = None
        for index in range(count):
            moment = start + (index + 0.5) / form.fps
            while following is not None and following.time <= moment:
                current, following, pixels = following, next(shown, None), None
            if pixels is None:
                pixels = screen.show(current.picture, current.aspect)
            yield pixels


def read_audio(path: Path, rate: int, seconds: float, start: float = 0.0) -> Audio:
    """Mono float32 [1, samples] at `rate`, `seconds` long from `start` on; silence where there is no more.

    The sound of a video begins with its first picture.
    """
    with study_errors():
        audio = read_mono(path, rate, most=start + seconds)[None]
    wanted, first = round(rate * seconds), round(rate * start)
    audio = audio[:, first : first + wanted]
    return np.pad(audio, ((0, 0), (0, wanted - audio.shape[1])))


def write_clip(path: Path, frames: Iterator[Frame], audio: Audio, form: ClipFormat) -> None:
    """Encode H.264 + AAC into an MP4 without metadata. `audio` is [1, samples] at form.audio_rate.

    The frame-type pattern is fixed (no scene cuts, no adaptive B frames) and one thread is used, so that
    the structure of the file says nothing about the picture and equal input gives equal bytes.
    """
    with av.open(f"file:{path}", "w", format="mp4", options=FLAGS) as container:
        video = _add_video(container, form)
        sound = container.add_stream("aac", rate=form.audio_rate, layout="mono", bit_rate=128_000)
        container.start_encoding()  # before it the stream does not know its size
        cleaner = av.BitStreamFilterContext(SEI_FILTER, video)
        converter = VideoReformatter()
        for index, pixels in enumerate(frames):
            frame = converter.reformat(
                av.VideoFrame.from_ndarray(pixels, format="rgb24"),
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
            frame.pts, frame.time_base = index, Fraction(1, form.fps)
            _mux(container, cleaner, video.encode(frame))
        _mux(container, cleaner, video.encode(None))
        block = av.AudioFrame.from_ndarray(audio, format="fltp", layout="mono")
        block.sample_rate, block.pts = form.audio_rate, 0
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))


def _add_video(container: av.container.OutputContainer, form: ClipFormat) -> av.VideoStream:
    gop = form.fps
    video = container.add_stream("libx264", rate=form.fps)
    video.width, video.height, video.pix_fmt = form.width, form.height, "yuv420p"
    video.time_base = Fraction(1, form.fps)
    video.thread_count = 1
    context = video.codec_context
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    video.options = {
        "crf": str(form.crf),
        "preset": form.preset,
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
