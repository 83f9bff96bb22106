"""Writing mp4 files: H.264 and AAC, as the frames come, all or nothing."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.media.audio import Recording
from flowact.media.canvas import Canvas
from flowact.media.soundtrack import Soundtrack
from flowact.timebase import FPS, FRAME_SIZE

_log = logging.getLogger(__name__)

_X264: Final = {"preset": "ultrafast", "crf": "18", "threads": "1"}
"""One encoder thread: the other core belongs to the transformer. A file of `superfast` is a third
smaller and 1 dB of 44 better, and takes twice the time."""


class VideoWriter:
    """Encode frames and a soundtrack to an mp4 file with bounded memory.

    Used as a context manager. The file appears under its name when the block ends well;
    when it ends in an exception nothing is left behind.

    Args:
        path: the file to write, `*.mp4`; an existing one is replaced at the end.
        soundtrack: a recording whose sound goes along with the frames, at its own rate.
        mark: changes the luma plane, uint8 `[480, 480]` in video range, of every frame in place.
        metadata: what the file says about itself: `title`, `comment`, `description` and others that mp4
            knows.

    Raises:
        UserError: the target cannot be written (no such folder, not allowed, disk full).
    """

    def __init__(
        self,
        path: str | Path,
        soundtrack: Recording | None = None,
        *,
        mark: Callable[[NDArray[np.uint8]], None] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._target = check_target(Path(path))
        self._partial = self._target.with_name(f".{self._target.name}.{os.getpid()}.part")
        self._recording, self._canvas, self._metadata = (
            soundtrack,
            Canvas(mark),
            dict(metadata or {}),
        )
        self._frames = 0

    def __enter__(self) -> Self:
        with _disk_errors(self._target):
            options = {"movflags": "faststart"}
            self._container = av.open(f"file:{self._partial}", "w", format="mp4", options=options)
        self._container.metadata.update(self._metadata)
        self._video = _add_video(self._container)
        self._sound = Soundtrack(self._container, self._recording) if self._recording else None
        return self

    def write(self, frames: NDArray[np.uint8]) -> None:
        """Append frames, uint8 RGB `[frames, 480, 480, 3]`, and the sound that belongs to them.

        Raises:
            ValueError: another shape or type.
            UserError: the disk is full or gone.
        """
        expected = (FRAME_SIZE, FRAME_SIZE, 3)
        if frames.ndim != 4 or frames.shape[1:] != expected or frames.dtype != np.uint8:
            given = f"{frames.dtype} {list(frames.shape)}"
            raise ValueError(f"frames must be uint8 [frames, 480, 480, 3], got {given}")
        with _disk_errors(self._target):
            for image in frames:
                self._write_frame(image)
            if self._sound is not None:
                self._sound.write_until(Fraction(self._frames, FPS))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with _disk_errors(self._target):
                if kind is None:
                    self._finish()
        finally:
            self._abandon()

    def _write_frame(self, image: NDArray[np.uint8]) -> None:
        frame = self._canvas.draw(image)
        frame.pts, frame.time_base = self._frames, Fraction(1, FPS)
        self._container.mux(self._video.encode(frame))
        self._frames += 1

    def _finish(self) -> None:
        if self._sound is not None:
            self._sound.write_until(Fraction(self._frames, FPS))
            self._sound.close()
        self._container.mux(self._video.encode(None))
        self._container.close()
        self._partial.replace(self._target)

    def _abandon(self) -> None:
        """Close what is open and remove what is unfinished; after `_finish` this does nothing."""
        try:
            self._container.close()
        except OSError as error:  # the one that brought us here is already on its way
            _log.debug("%s was abandoned: %s", self._partial, error)
        finally:
            self._partial.unlink(missing_ok=True)


def check_target(path: Path) -> Path:
    """Refuse what cannot become a video file, before any work is done.

    Raises:
        UserError: not named `.mp4`, a folder, or in a folder that does not exist.
    """
    if path.suffix.lower() != ".mp4":
        raise UserError(f"The video is written as mp4, so its name must end in .mp4: {path}.")
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a file to write.")
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent} to write {path.name} into.")
    return path


def _add_video(container: OutputContainer) -> VideoStream:
    stream = container.add_stream("libx264", rate=FPS, options=dict(_X264))
    stream.width = stream.height = FRAME_SIZE
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, FPS)
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    return stream


@contextmanager
def _disk_errors(target: Path) -> Iterator[None]:
    """Say in one sentence what the operating system has against the file."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror or error}.") from error
