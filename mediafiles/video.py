"""Videos as a player would show them: each picture with its time, upright, with square pixels."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av
import numpy as np
from av.container import InputContainer

from mediafiles.containers import Decoder, opened, video_stream
from mediafiles.errors import MediaError, printable
from mediafiles.screen import SQUARE, Screen, Turn, displayed_size, is_wide, turn_of

_log = logging.getLogger(__name__)

_UNEVEN: Final = 0.2
"""Share of a frame's usual duration by which `_OFTEN` of the durations must differ for the rate to be variable."""
_PRIMING: Final = 1024 / 48_000
_ABSOLUTE: Final = {"mov", "matroska", "webm"}
_OFTEN: Final = 0.1
_BACKWARDS: Final = 0.5
"""Seconds by which times go back where a new clock begins: files were put together."""
_LONGEST_LAST: Final = 2.0
"""Seconds beyond which the duration of a last picture is not believed."""
_LONGEST_WAIT: Final = 10.0
"""Seconds from 0 to the first stream beyond which nobody waits."""
_SHORTEST: Final = 1 / 1200
"""Seconds that a picture of a video lasts at least; the fastest cameras and all at one moment are no video."""
_SMALL: Final = 16
"""Pixels a side of the screen on which a first picture is tried."""
_ROUNDED: Final = 0.0021
"""Seconds by which times differ only because a format stores them in milliseconds."""


class TimedFrame(NamedTuple):
    """A decoded picture.

    Attributes:
        time: when it is shown, in seconds from the first one.
        picture: as it is stored.
        aspect: width over height of a stored pixel.
    """

    time: float
    picture: av.VideoFrame
    aspect: Fraction


@dataclass(frozen=True)
class VideoFacts:
    """What decoding a whole video showed.

    Attributes:
        width, height: as displayed, in square pixels.
        frames: that a player shows.
        seconds: from the first picture's beginning to the last one's end.
        lead: seconds that a player waits before the first picture.
        rate: usual frames per second.
        variable_rate: whether the frames last differently long.
        turned: whether the file says that its pictures are to be turned or mirrored.
        square_pixels: whether they are stored as they are displayed.
        interlaced: whether each frame holds two half pictures, of two moments.
        wide_colour: whether they are of high dynamic range or of wider colours than BT.709.
        has_sound: whether there is a sound beside the pictures.
        codec: of the pictures.
        damaged: packets that could not be decoded.
        missing_seconds: by how much the file ends before it says.
    """

    width: int
    height: int
    frames: int
    seconds: float
    lead: float
    rate: float
    variable_rate: bool
    turned: bool
    square_pixels: bool
    interlaced: bool
    wide_colour: bool
    has_sound: bool
    codec: str
    damaged: int
    missing_seconds: float


def video_frames(path: Path) -> Iterator[TimedFrame]:
    """Yield the pictures that a player shows, in its order; damaged packets are left out.

    Raises:
        MediaError: no picture, or none that can be decoded.
    """
    with opened(path, "video") as container:
        stream = video_stream(path, container)
        decoder = Decoder(path, container, "video")
        yield from _timed(decoder.frames(stream), stream)  # type: ignore[arg-type]


def inspect_video(path: Path) -> VideoFacts:
    """Decode a whole video once, keeping nothing.

    Raises:
        MediaError: no pictures that can be decoded, or fewer than two.
    """
    with opened(path, "video") as container:
        stream = video_stream(path, container)
        decoder = Decoder(path, container, "video")
        promised = _promised_seconds(stream)
        first, times, last = None, [], 0.0
        for time, frame, _ in _timed(decoder.frames(stream), stream):  # type: ignore[arg-type]
            if first is None:
                first = frame
                _refuse_unshown(path, first)
            times.append(time)
            last = _duration(frame)
        if first is None or len(times) < 2:
            raise MediaError(
                path, f"holds {len(times)} pictures that can be read; a video has two or more"
            )
        gaps = np.diff(times)
        usual = float(np.median(gaps))
        if usual < _SHORTEST:
            raise MediaError(path, "shows more than a thousand pictures a second")
        seconds = times[-1] + (last if 0 < last < _LONGEST_LAST else usual)
        if 0 < promised - seconds < usual:  # an edit list may end, and begin, within a picture
            seconds = promised
        uneven = float((np.abs(gaps - usual) > max(_UNEVEN * usual, _ROUNDED)).mean())
        aspect = _aspect(stream)
        width, height = displayed_size(first, aspect)
        return VideoFacts(
            width=width,
            height=height,
            frames=len(times),
            seconds=seconds,
            lead=_lead(container, first),
            rate=1 / (usual if uneven else float(gaps.mean())),
            variable_rate=uneven > _OFTEN,
            turned=turn_of(first) != Turn(),
            square_pixels=aspect == SQUARE,
            interlaced=first.interlaced_frame,
            wide_colour=is_wide(first),
            has_sound=bool(container.streams.audio),
            codec=stream.codec_context.name,
            damaged=decoder.damaged,
            missing_seconds=max(0.0, promised - seconds),
        )


def _refuse_unshown(path: Path, frame: av.VideoFrame) -> None:
    """Raise MediaError for a decoded picture whose colours nothing here can convert."""
    try:
        Screen(_SMALL, _SMALL).show(frame)
    except (av.FFmpegError, NotImplementedError, ValueError) as error:
        _log.info("%s: %r", printable(path.name), error)
        raise MediaError(
            path,
            "has colours that cannot be shown here; export it in those of ordinary videos (BT.709)",
        ) from error


def _lead(container: InputContainer, first: av.VideoFrame) -> float:
    """MP4 and Matroska begin at 0, whatever begins later in them; other formats with their first stream.

    So does what was cut from a longer recording and kept its clock.
    Those cannot say how much of it is what an encoder puts before the sound proper: usually a frame of AAC.
    """
    begins, shown = float(container.start_time or 0) / av.time_base, first.time or 0.0
    if begins < _LONGEST_WAIT and not _ABSOLUTE.isdisjoint(container.format.name.split(",")):
        return max(0.0, shown)
    return max(0.0, shown - begins - _PRIMING)


def _aspect(stream: av.VideoStream) -> Fraction:
    return Fraction(stream.sample_aspect_ratio or SQUARE)


def _promised_seconds(stream: av.VideoStream) -> float:
    """How long the pictures last by what the file's head says of them, 0 where it does not."""
    if stream.frames and stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return 0.0


def _timed(frames: Iterator[av.VideoFrame], stream: av.VideoStream) -> Iterator[TimedFrame]:
    """Give every frame its time; one that has none follows the last by its duration, or the stream's rate."""
    step = max(_SHORTEST, 1 / float(stream.average_rate or stream.guessed_rate or 25))
    aspect = _aspect(stream)
    origin, time = None, -step
    for frame in frames:
        stored = frame.time
        if stored is None:
            time += step
        else:
            if origin is None or stored - origin < time - _BACKWARDS:
                origin = stored - max(0.0, time + step)
            time = max(stored - origin, time)
        if _SHORTEST < (lasts := _duration(frame)) < _LONGEST_LAST:
            step = lasts
        yield TimedFrame(time, frame, aspect)


def _duration(frame: av.VideoFrame) -> float:
    """Seconds for which a frame is shown by what its file says, 0 where it does not."""
    return float((frame.duration or 0) * (frame.time_base or 0))
