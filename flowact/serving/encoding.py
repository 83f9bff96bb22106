"""Frames to what a viewer takes one by one: H.264 in Annex B, JPEG, or plain pixels; all marked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Final, Protocol

import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from flowact.media.canvas import Canvas
from flowact.media.watermark import Watermark
from flowact.serving.messages import Codec, EncodedFrame
from flowact.timebase import FPS, FRAME_SIZE

_X264: Final = {
    "preset": "ultrafast",
    "tune": "zerolatency",
    "profile": "baseline",
    "level": "3.0",
    "crf": "21",
    "maxrate": "3M",
    "bufsize": "1M",
    "threads": "1",
    "forced-idr": "1",
    # Twelve seconds: a viewer who lost the thread asks for a key frame and does not wait for one.
    "g": "300",
}
_BT709: Final = 1


class VideoEncoder(Protocol):
    """Encodes a session's frames in order."""

    def encode(self, frames: NDArray[np.uint8]) -> tuple[EncodedFrame, ...]:
        """Encode uint8 RGB `[frames, 480, 480, 3]`; every frame comes out at once."""

    def restart(self) -> None:
        """Make the next frame a key frame."""


class H264Encoder:
    """Constrained-baseline H.264 at level 3.0 (`avc1.42C01E`), without delay, marked."""

    def __init__(self, mark: Watermark) -> None:
        context = VideoCodecContext.create("libx264", "w")
        context.width = context.height = FRAME_SIZE
        context.pix_fmt, context.options = "yuv420p", dict(_X264)
        context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
        context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
        context.color_primaries = context.color_trc = _BT709
        self._context, self._canvas = context, Canvas(mark.apply)
        self._count, self._key = 0, True

    def restart(self) -> None:
        """Make the next frame an IDR frame with its parameter sets."""
        self._key = True

    def encode(self, frames: NDArray[np.uint8]) -> tuple[EncodedFrame, ...]:
        """Encode frames; each becomes one access unit."""
        return tuple(self._encode(image) for image in frames)

    def _encode(self, image: NDArray[np.uint8]) -> EncodedFrame:
        frame = self._canvas.draw(image)
        frame.pts, frame.time_base = self._count, Fraction(1, FPS)
        frame.pict_type = PictureType.I if self._key else PictureType.NONE
        self._count, self._key = self._count + 1, False
        packets = self._context.encode(frame)
        data = b"".join(bytes(packet) for packet in packets)
        return EncodedFrame(data, any(packet.is_keyframe for packet in packets))


class _PictureEncoder(ABC):
    """Every frame on its own."""

    def restart(self) -> None:  # noqa: B027 - for all of them there is nothing to do
        """Do nothing: every picture stands for itself."""

    def encode(self, frames: NDArray[np.uint8]) -> tuple[EncodedFrame, ...]:
        """Encode frames; each becomes one picture."""
        return tuple(EncodedFrame(self._encode(image), key=True) for image in frames)

    @abstractmethod
    def _encode(self, image: NDArray[np.uint8]) -> bytes:
        """One picture, uint8 `[480, 480, 3]`, marked."""


class JpegEncoder(_PictureEncoder):
    """Every frame a JPEG picture, for browsers that cannot decode video frame by frame."""

    def __init__(self, mark: Watermark) -> None:
        context = VideoCodecContext.create("mjpeg", "w")
        context.width = context.height = FRAME_SIZE
        context.pix_fmt, context.time_base = "yuv420p", Fraction(1, FPS)
        context.color_range = ColorRange.JPEG
        context.qmin = context.qmax = 4
        self._context, self._canvas, self._count = context, Canvas(mark.apply), 0
        self._converter = VideoReformatter()

    def _encode(self, image: NDArray[np.uint8]) -> bytes:
        frame = self._converter.reformat(
            self._canvas.draw(image),
            format="yuv420p",
            src_colorspace=Colorspace.ITU709,
            dst_colorspace=Colorspace.ITU601,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        frame.pts, frame.time_base = self._count, Fraction(1, FPS)
        self._count += 1
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class RawEncoder(_PictureEncoder):
    """Every frame as RGB bytes, `480 * 480 * 3`, for programs that draw or encode themselves; marked as well."""

    def __init__(self, mark: Watermark) -> None:
        self._canvas, self._converter = Canvas(mark.apply), VideoReformatter()

    def _encode(self, image: NDArray[np.uint8]) -> bytes:
        frame = self._converter.reformat(
            self._canvas.draw(image),
            format="rgb24",
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            threads=1,
        )
        return bytes(frame.to_ndarray().tobytes())


def make_encoder(codec: Codec, mark: Watermark) -> VideoEncoder:
    """Return an encoder for one session.

    Raises:
        ValueError: an unknown codec.
    """
    kinds: dict[str, type[H264Encoder] | type[JpegEncoder] | type[RawEncoder]] = {
        "h264": H264Encoder,
        "jpeg": JpegEncoder,
        "raw": RawEncoder,
    }
    if codec not in kinds:
        raise ValueError(f"codec {codec!r}; expected one of {', '.join(kinds)}")
    return kinds[codec](mark)
