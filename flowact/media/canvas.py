"""From RGB pictures to what encoders take."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from flowact.timebase import FRAME_SIZE


class Canvas:
    """Pictures in the colour space of video, with what is drawn on all of them.

    The converter is kept: a new one for every frame starts threads, which takes longer than the
    conversion and, where processors are few, longer than everything else about a frame.

    Args:
        mark: changes the luma plane, uint8 `[480, 480]` in video range, of every picture in place.
    """

    def __init__(self, mark: Callable[[NDArray[np.uint8]], None] | None = None) -> None:
        self._mark, self._converter = mark, VideoReformatter()

    def draw(self, image: NDArray[np.uint8]) -> av.VideoFrame:
        """Convert uint8 RGB `[480, 480, 3]` to BT.709 yuv420p with the mark in its luma plane."""
        frame = self._converter.reformat(
            av.VideoFrame.from_ndarray(image, format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        if self._mark is not None:
            plane = frame.planes[0]
            luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            self._mark(luma[:FRAME_SIZE, :FRAME_SIZE])
        return frame
