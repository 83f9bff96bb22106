"""The screen on which a decoded picture appears: turned, stretched and coloured as its file says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple, cast

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Fit = Literal["pad", "crop"]

_LEAST_LARGE: Final = (1280, 720)
"""Width or height from which a picture that does not say its matrix is taken for BT.709, as players do."""
_UNSPECIFIED: Final = 2
_OF_LIGHT: Final = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67, ColorTrc.LINEAR, ColorTrc.SMPTE428}
"""Transfer curves that look wrong when they are taken for BT.709's."""
_NARROW: Final = {
    ColorPrimaries.UNSPECIFIED,
    ColorPrimaries.BT709,
    ColorPrimaries.SMPTE170M,
    ColorPrimaries.SMPTE240M,
    ColorPrimaries.BT470BG,
    ColorPrimaries.BT470M,
}
SQUARE: Final = Fraction(1)
_WIDEST_ASPECT: Final = 20
"""Aspects of pixels beyond this are damage."""


class Turn(NamedTuple):
    """How a stored picture is turned: rows become columns first, then it is mirrored."""

    transposed: bool = False
    left_right: bool = False
    upside_down: bool = False

    def apply(self, pixels: Pixels) -> Pixels:
        """Turn pixels [height, width, 3]."""
        if self.transposed:
            pixels = pixels.transpose(1, 0, 2)
        return pixels[:: -1 if self.upside_down else 1, :: -1 if self.left_right else 1]


def turn_of(frame: av.VideoFrame) -> Turn:
    """What the display matrix of a frame says, to the nearest quarter turn."""
    try:
        stored = cast("dict[Type, Any]", frame.side_data)[Type.DISPLAYMATRIX]
    except KeyError:
        return Turn()
    matrix = np.frombuffer(bytes(stored), np.int32)
    if matrix.size < 9 or not matrix[[0, 1, 3, 4]].any():
        return Turn()
    a, b, c, d = (int(matrix[at]) for at in (0, 1, 3, 4))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def displayed_size(frame: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    """Width and height of a frame as it is shown, in square pixels; `aspect` is width over height of a stored one."""
    width, height = _stretched(frame, aspect)
    return (height, width) if turn_of(frame).transposed else (width, height)


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether parts of a frame may be transparent."""
    return any(component.is_alpha for component in frame.format.components)


def is_wide(frame: av.VideoFrame) -> bool:
    """Whether a frame is of high dynamic range or of wider colours than BT.709."""
    return frame.color_trc in _OF_LIGHT or frame.color_primaries not in _NARROW


class Screen:
    """Shows decoded frames as pixels of one size.

    Transparent parts are black, as in players. Of an interlaced frame, whose two halves are of two moments, the first
    half is shown. High dynamic range and wide colours are brought to BT.709: the reference white of BT.2408
    (203 cd/m2) becomes white, so that faces are as bright as in ordinary videos, and what is brighter is cut.

    Args:
        width, height: of the screen.
        fit: "pad" shows the whole picture on a background, "crop" fills the screen from the picture's middle.
        background: grey level beside a picture that does not fill it.
    """

    def __init__(self, width: int, height: int, fit: Fit = "pad", background: int = 0) -> None:
        self._size, self._fit, self._background = (width, height), fit, background
        self._graph: tuple[tuple[Any, ...], av.filter.Graph] | None = None

    def show(self, frame: av.VideoFrame, aspect: Fraction = SQUARE) -> Pixels:
        """Return uint8 [height, width, 3], sRGB; `aspect` is width over height of a stored pixel."""
        width, height = self._size
        picture = self._picture(frame, aspect)
        high, wide = picture.shape[:2]
        top, left = (high - height) // 2, (wide - width) // 2
        shown = picture[max(0, top) : max(0, top) + height, max(0, left) : max(0, left) + width]
        if shown.shape[:2] == (height, width):
            return np.ascontiguousarray(shown)
        canvas = np.full((height, width, 3), self._background, np.uint8)
        high, wide = shown.shape[:2]
        top, left = (height - high) // 2, (width - wide) // 2
        canvas[top : top + high, left : left + wide] = shown
        return canvas

    def _picture(self, frame: av.VideoFrame, aspect: Fraction) -> Pixels:
        """Scale a frame to the screen, and turn it."""
        turn, (wide, high) = turn_of(frame), displayed_size(frame, aspect)
        ratios = (self._size[0] / wide, self._size[1] / high)
        scale = max(ratios) if self._fit == "crop" else min(ratios)
        target = tuple(
            _target(side * scale, full) for side, full in zip((wide, high), self._size, strict=True)
        )
        if turn.transposed:
            target = target[::-1]
        return turn.apply(self._scaled(frame, *target))

    def _scaled(self, frame: av.VideoFrame, width: int, height: int) -> Pixels:
        key = (
            frame.format.name, frame.width, frame.height, width, height,
            frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries, frame.interlaced_frame,
        )  # fmt: skip
        if self._graph is None or self._graph[0] != key:
            self._graph = (key, _graph(frame, width, height))
        graph = self._graph[1]
        time, frame.pts = frame.pts, None  # a graph wants times that grow
        graph.push(frame)
        frame.pts = time
        shown = np.asarray(cast("av.VideoFrame", graph.pull()).to_ndarray(), np.uint8)
        if shown.shape[2] == 3:
            return shown
        return (shown[..., :3] * (shown[..., 3:] / np.float32(255)) + 0.5).astype(np.uint8)


def _target(length: float, full: int) -> int:
    """A side in whole pixels; one that nearly fills the screen fills it."""
    return full if abs(length - full) < 1 else max(1, round(length))


def _stretched(frame: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    if not 1 / _WIDEST_ASPECT < aspect < _WIDEST_ASPECT:
        aspect = SQUARE
    if aspect >= 1:
        return round(frame.width * aspect), frame.height
    return frame.width, round(frame.height / aspect)


def _graph(frame: av.VideoFrame, width: int, height: int) -> av.filter.Graph:
    """Scaling and colours by FFmpeg's scaler, for frames like this one."""
    options = [f"w={width}", f"h={height}", "flags=bicubic+accurate_rnd+full_chroma_int"]
    large = frame.width >= _LEAST_LARGE[0] or frame.height >= _LEAST_LARGE[1]
    if large and int(frame.colorspace) == _UNSPECIFIED:
        options.append("in_color_matrix=bt709")
    if is_wide(frame):
        options += ["out_primaries=bt709", "out_transfer=bt709", "intent=relative_colorimetric"]
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
    )
    halves = [graph.add("field", "type=top")] if frame.interlaced_frame else []
    scale = graph.add("scale", ":".join(options))
    kind = graph.add("format", "rgba" if has_alpha(frame) else "rgb24")
    graph.link_nodes(source, *halves, scale, kind, graph.add("buffersink")).configure()
    return graph
