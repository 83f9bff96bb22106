"""Clips of one item get the same bytes but for the coded pictures and sounds themselves.

Frame by frame, each is as long as the longest of all clips. So the tables of an MP4, which anybody can read without
decoding, are the same too, and the length of a download, or of a part of one, tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import av

from study.encoding.filler import LEAST_FILLER, longer_picture, longer_sound
from study.errors import StudyError

FLAGS: Final = {"movflags": "+faststart", "fflags": "+bitexact"}


class CodedFrame(NamedTuple):
    """One packet: which stream it is of, its bytes and its times."""

    video: bool
    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool
    time_base: Fraction


def equalise(drafts: Sequence[Path], finished: Sequence[Path]) -> None:
    """Write each draft again, frame by frame as long as in the draft where it is longest.

    Raises:
        StudyError: the drafts differ in more than their pictures and sounds.
    """
    clips = [list(_frames(draft)) for draft in drafts]
    shapes = {tuple(frame._replace(data=b"") for frame in clip) for clip in clips}
    if len(shapes) != 1:
        raise StudyError(f"{drafts[0].parent}: the clips of an item were encoded unlike each other")
    sizes = [_size(column) for column in zip(*clips, strict=True)]
    for draft, path, clip in zip(drafts, finished, clips, strict=True):
        _write(draft, path, clip, sizes)


def _size(column: Sequence[CodedFrame]) -> int:
    """Bytes that a frame has in every clip; even the longest picture ends in filler."""
    return max(len(frame.data) for frame in column) + LEAST_FILLER * column[0].video


def _frames(path: Path) -> Iterator[CodedFrame]:
    with av.open(f"file:{path}") as container:
        for packet in container.demux():
            if packet.dts is not None and packet.pts is not None and packet.time_base:
                yield CodedFrame(
                    packet.stream.type == "video",
                    bytes(packet),
                    packet.pts,
                    packet.dts,
                    packet.duration or 0,
                    packet.is_keyframe,
                    packet.time_base,
                )


def _write(draft: Path, path: Path, clip: Sequence[CodedFrame], sizes: Sequence[int]) -> None:
    with (
        av.open(f"file:{draft}") as source,
        av.open(f"file:{path}", "w", format="mp4", options=FLAGS) as container,
    ):
        streams = {
            stream.type == "video": container.add_stream_from_template(stream)
            for stream in source.streams
        }
        for frame, size in zip(clip, sizes, strict=True):
            longer = longer_picture if frame.video else longer_sound
            packet = av.Packet(longer(frame.data, size))
            packet.stream, packet.time_base = streams[frame.video], frame.time_base
            packet.pts, packet.dts, packet.duration = frame.pts, frame.dts, frame.duration
            packet.is_keyframe = frame.key
            container.mux(packet)
