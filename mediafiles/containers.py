"""Opening and demultiplexing: everything that FFmpeg may raise ends here."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import av
from av.container import InputContainer
from av.stream import Disposition

from mediafiles.errors import MediaError, printable

_log = logging.getLogger(__name__)

Kind = Literal["sound", "video"]

_FORMATS: Final = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,apng,asf,au,avi,caf,dsf,dts,dv,eac3,flac,flv,gif,h264,hevc,iff,ircam,ivf,m4v,"
    "matroska,mjpeg,mov,mp3,mpc,mpc8,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,sox,tak,tta,voc,w64,wav,wtv,wv,"
    "yuv4mpegpipe"
)
_OPTIONS: Final = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
"""Playlists and network addresses inside a file could reach what the user did not name."""
_READABLE: Final = {
    "sound": "is not audio that can be read; wav, mp3, flac, m4a and ogg can",
    "video": "is not a video that can be read; mp4, mov, mkv and webm can",
}
_STREAMS: Final = {"sound": "sound", "video": "picture"}
_TIMED: Final = {
    "mov",
    "matroska",
    "webm",
    "mpegts",
    "mpeg",
    "avi",
    "flv",
    "asf",
    "ogg",
    "mxf",
    "nut",
}


@contextmanager
def reading(path: Path, kind: Kind) -> Iterator[None]:
    """Turn whatever the libraries raise about a file into a MediaError; the cause goes to the log."""
    try:
        yield
    except PermissionError as error:
        raise MediaError(path, f"cannot be read: {error.strerror}") from error
    except MemoryError as error:
        raise MediaError(path, "needs more memory than there is") from error
    except (
        av.FFmpegError,
        OSError, EOFError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError,
        RuntimeError, NotImplementedError, AssertionError,
    ) as error:  # fmt: skip
        # PyAV derives its errors from these, and lets others of them through for odd headers.
        _log.info("%s: %r", printable(path.name), error)
        raise MediaError(path, _READABLE[kind]) from error


@contextmanager
def opened(path: Path, kind: Kind) -> Iterator[InputContainer]:
    """Open a file for its sound or its pictures.

    Tags are read as they are, in whatever encoding: nobody asks for them.

    Raises:
        MediaError: missing, empty, not allowed, or nothing that FFmpeg knows.
    """
    path = Path(path)
    if not path.is_file():
        raise MediaError(path, "is not a file" if path.exists() else "does not exist")
    with reading(path, kind):
        if path.stat().st_size == 0:
            raise MediaError(path, "is empty: the file has no bytes")
        container = av.open(f"file:{path}", options=_OPTIONS, metadata_errors="replace")
    try:
        yield container
    finally:
        container.close()


def sound_stream(path: Path, container: InputContainer) -> av.AudioStream:
    """The sound that a player plays.

    Raises:
        MediaError: there is none, or none that can be decoded.
    """
    found = list(container.streams.audio)
    usable = [stream for stream in found if stream.codec_context is not None]
    if not usable:
        raise _nothing(path, "sound", bool(found))
    best = container.streams.best("audio")
    return best if best in usable else usable[0]


def video_stream(path: Path, container: InputContainer) -> av.VideoStream:
    """The picture that a player shows; the cover of a song is none.

    Raises:
        MediaError: there is none, or none that can be decoded.
    """
    found = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    usable = [stream for stream in found if stream.codec_context is not None]
    if not usable:
        raise _nothing(path, "video", bool(found))
    best = container.streams.best("video")
    return best if best in usable else usable[0]


def _nothing(path: Path, kind: Kind, unknown: bool) -> MediaError:
    if unknown:
        return MediaError(
            path, f"has no {_STREAMS[kind]} that can be decoded: its codec is unknown"
        )
    return MediaError(path, f"has no {_STREAMS[kind]} in it")


def is_timed(container: InputContainer) -> bool:
    """Whether the format stores when each piece is shown, rather than one piece after the other."""
    return not _TIMED.isdisjoint(container.format.name.split(","))


class Decoder:
    """The frames of one stream in the order of showing; packets that are damaged are left out and counted.

    Attributes:
        damaged: packets so far that could not be decoded.
    """

    def __init__(self, path: Path, container: InputContainer, kind: Kind) -> None:
        self._path, self._container, self._kind = path, container, kind
        self._broken_off = False
        self.damaged = 0

    def frames(
        self, stream: av.AudioStream | av.VideoStream
    ) -> Iterator[av.AudioFrame | av.VideoFrame]:
        """Decode until the end, or to where the file breaks off."""
        for packet in self._packets(stream):
            with reading(self._path, self._kind):
                try:
                    frames = packet.decode()
                except av.error.DecoderNotFoundError:
                    raise _nothing(self._path, self._kind, unknown=True) from None
                except (av.FFmpegError, EOFError) as error:
                    _log.debug("%s: %r", printable(self._path.name), error)
                    self.damaged += packet.size > 0
                    continue
            yield from frames
        if self._broken_off:
            yield from self._held_back(stream)

    def _held_back(
        self, stream: av.AudioStream | av.VideoStream
    ) -> list[av.AudioFrame | av.VideoFrame]:
        """What the decoder still has when a file breaks off; at a proper end the last packet asks for it."""
        try:
            return list(stream.decode(None))
        except (av.FFmpegError, EOFError):
            return []

    def _packets(self, stream: av.AudioStream | av.VideoStream) -> Iterator[av.Packet]:  # type: ignore[type-arg]
        with reading(self._path, self._kind):
            packets = self._container.demux(stream)
        while True:
            with reading(self._path, self._kind):
                try:
                    packet = next(packets, None)
                except (
                    av.FFmpegError,
                    EOFError,
                ) as error:  # the file breaks off: what came before is there
                    _log.debug("%s: %r", printable(self._path.name), error)
                    self.damaged += 1
                    self._broken_off = True
                    return
            if packet is None:
                return
            yield packet
