"""Sound as a player would play it: from its start, without holes, in a form that does not change on the way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import av
import numpy as np
from numpy.typing import NDArray

from mediafiles.containers import Decoder, is_timed, opened, reading, sound_stream, video_stream
from mediafiles.errors import MediaError

Floats = NDArray[np.float32]

Origin = Literal["sound", "picture"]
"""What time 0 is: the first sound, or the first picture of the same file."""

_LEAST_GAP: Final = 0.004
"""Seconds between where a piece should begin and where the last one ended, from which it is moved there."""
_LONGEST_GAP: Final = 30.0
"""Seconds of a jump that is a new clock and no silence."""
_BACKWARDS: Final = 0.1
"""Seconds by which times go back where a new clock begins: files were put together."""
_OPPOSITE: Final = 0.1
"""Power of the mean of two channels over that of the louder one, below which they cancel each other."""


@dataclass(frozen=True)
class SoundFacts:
    """What decoding a file's sound showed.

    Attributes:
        seconds: from the first sound to the last.
        sample_rate: of its first frame, in Hz.
        channels: of its first frame.
        damaged: packets that could not be decoded.
    """

    seconds: float
    sample_rate: int
    channels: int
    damaged: int


def sound_frames(path: Path, origin: Origin = "sound") -> Iterator[av.AudioFrame]:
    """Yield the frames of a file's sound, one right after the other, with `pts` None.

    Holes between them are filled with silence. With the origin "picture", sound that begins after the first
    picture comes after as much silence, and what was to be heard before it is left out.

    Raises:
        MediaError: no sound, or none that can be decoded.
    """
    with opened(path, "sound") as container:
        start = None
        if origin == "picture" and container.streams.video:
            start = first_picture_time(path)
        stream = sound_stream(path, container)
        yield from _contiguous(container, Decoder(path, container, "sound").frames(stream), start)


def first_rate(path: Path) -> int:
    """Samples per second of a file's sound by what its head says of it, or else of its first frame.

    Raises:
        MediaError: no sound, or none that can be decoded.
    """
    with opened(path, "sound") as container:
        stream = sound_stream(path, container)
        if stream.sample_rate:
            return int(stream.sample_rate)
    return inspect_sound(path).sample_rate


def first_picture_time(path: Path) -> float | None:
    """When a player shows the first picture, in the file's own seconds; None for a file without pictures."""
    with opened(path, "video") as container:
        try:
            stream = video_stream(path, container)
            for frame in Decoder(path, container, "video").frames(stream):
                return frame.time
        except MediaError:
            return None
    return None


def resampled(
    frames: Iterable[av.AudioFrame], layout: str | None, rate: int
) -> Iterator[av.AudioFrame]:
    """Bring frames whose rate, channels or format may change on the way to planar floats of one rate and layout.

    Channels whose places nobody knows, as recorders of many microphones write them, are heard together.

    Args:
        frames: as they were decoded.
        layout: "mono", "stereo", or None to keep one channel as it is and make everything else stereo.
        rate: samples per second.
    """
    resampler, source = None, None
    for decoded in frames:
        frame = _together(decoded) if _has_no_places(decoded) else decoded
        frame.pts = None
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or kind != source:
            if resampler is not None:
                yield from resampler.resample(None)
            target = layout or ("mono" if frame.layout.nb_channels == 1 else "stereo")
            resampler, source = av.AudioResampler("fltp", target, rate), kind
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


def _has_no_places(frame: av.AudioFrame) -> bool:
    """Whether a frame says how many channels there are, and not where they belong; of one or two everybody knows."""
    count = frame.layout.nb_channels
    return count > 2 and frame.layout.name == f"{count} channels"


def _together(frame: av.AudioFrame) -> av.AudioFrame:
    """The mean of all channels on both sides; guessed places would put a voice into the bass, and drop it."""
    planes = frame.to_ndarray()
    if not frame.format.is_planar:
        planes = planes.reshape(-1, frame.layout.nb_channels).T
    floats = planes.astype(np.float32)
    if planes.dtype.kind == "u":
        floats = floats / np.float32(128) - 1
    elif planes.dtype.kind == "i":
        floats = floats / np.float32(2.0 ** (8 * planes.dtype.itemsize - 1))
    both = np.repeat(floats.mean(0, dtype=np.float32)[None], 2, axis=0)
    mixed_frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
    mixed_frame.sample_rate = frame.sample_rate
    return mixed_frame


class Mixdown:
    """From two channels to one: their mean, or the louder one where they cancel each other.

    A cable with one wire turned round makes the right channel the negative of the left. Everybody hears both, but
    their mean is silence. The first pass over a recording measures, and `weights` says then how to mix.
    """

    def __init__(self) -> None:
        self._power = np.zeros(3)

    def measure(self, block: Floats) -> None:
        """Take note of a block `[channels, samples]`."""
        left, right = block[0], block[-1]
        with np.errstate(all="ignore"):  # not a number is found by others
            self._power += [
                float(np.square(x, dtype=np.float64).sum())
                for x in (left, right, (left + right) / 2)
            ]

    @property
    def cancels(self) -> bool:
        """Whether the mean is far quieter than the louder channel."""
        return bool(self._power[2] < _OPPOSITE * self._power[:2].max())

    @property
    def weights(self) -> tuple[float, float]:
        """Shares of the left and the right channel."""
        if not self.cancels:
            return 0.5, 0.5
        return (1.0, 0.0) if self._power[0] >= self._power[1] else (0.0, 1.0)


def mixed(block: Floats, weights: tuple[float, float]) -> Floats:
    """One channel `[samples]` from a block `[1 or 2, samples]`; a single one has both weights."""
    if len(block) == 1:
        return np.asarray(sum(weights) * block[0], np.float32)
    return np.asarray(weights[0] * block[0] + weights[1] * block[1], np.float32)


def read_mono(path: Path, rate: int, origin: Origin = "picture", most: float = math.inf) -> Floats:
    """The sound of a file as float32 `[samples]` at `rate`, not clipped, and no more of it than `most` seconds.

    Raises:
        MediaError: no sound, none that can be decoded, or samples that are not numbers.
    """
    mixdown, blocks, samples = Mixdown(), [], 0
    with reading(path, "sound"):
        for frame in resampled(sound_frames(path, origin), None, rate):
            block = np.asarray(frame.to_ndarray(), np.float32)
            mixdown.measure(block)
            blocks.append(block)
            samples += block.shape[1]
            if samples >= most * rate:
                break
    if not blocks:
        raise MediaError(path, "is empty: it holds no sound that can be decoded")
    sound = np.concatenate([mixed(block, mixdown.weights) for block in blocks])
    if not np.isfinite(sound).all():
        raise MediaError(path, "holds samples that are not numbers (NaN or infinite)")
    return sound


def inspect_sound(path: Path) -> SoundFacts:
    """Decode a file's sound once, keeping nothing.

    Raises:
        MediaError: no sound, or none that can be decoded.
    """
    with opened(path, "sound") as container:
        decoder = Decoder(path, container, "sound")
        seconds, first = 0.0, None
        for frame in _contiguous(container, decoder.frames(sound_stream(path, container)), None):
            first = first or (frame.sample_rate, frame.layout.nb_channels)
            seconds += frame.samples / frame.sample_rate
        if first is None:
            raise MediaError(path, "is empty: it holds no sound that can be decoded")
        return SoundFacts(seconds, *first, decoder.damaged)


def _contiguous(
    container: av.container.InputContainer, frames: Iterator[Any], start: float | None
) -> Iterator[av.AudioFrame]:
    """Close the holes of formats that store times; in the others one frame follows the other."""
    if is_timed(container):
        yield from _Placement(start).placed(frames)
    else:
        yield from frames


class _Placement:
    """Puts frames where their times say: silence into holes, and off with what is there already."""

    def __init__(self, start: float | None) -> None:
        self._end = start
        self._stored: float | None = None

    def placed(self, frames: Iterator[av.AudioFrame]) -> Iterator[av.AudioFrame]:
        for frame in frames:
            if not frame.samples or not frame.sample_rate:
                continue
            yield from self._place(frame)

    def _place(self, frame: av.AudioFrame) -> Iterator[av.AudioFrame]:
        rate, time = frame.sample_rate, frame.time if frame.pts is not None else None
        if self._end is None:
            self._end = time
        gap = 0.0 if time is None or self._end is None else time - self._end
        if self._begins_anew(time) or abs(gap) > _LONGEST_GAP:
            gap, self._end = 0.0, time
        if gap > _LEAST_GAP:
            yield _silence(frame, round(gap * rate))
            self._end = time
        elif gap < -_LEAST_GAP:
            late = min(round(-gap * rate), frame.samples)
            if late == frame.samples:
                return
            frame = _without(frame, late)
            time = None if time is None else time + late / rate
        if time is not None and abs(gap) > _LEAST_GAP:
            self._end = time
        if self._end is not None:
            self._end += frame.samples / rate
        frame.pts = None
        yield frame

    def _begins_anew(self, time: float | None) -> bool:
        """Whether times go back from one piece to the next, whatever there was before them."""
        if time is None:
            return False
        before, self._stored = self._stored, time
        return before is not None and time < before - _BACKWARDS


def _silence(like: av.AudioFrame, samples: int) -> av.AudioFrame:
    """As many silent samples in the form of another frame."""
    planes = like.to_ndarray()
    width = planes.shape[1] // like.samples
    empty = 128 if like.format.name in ("u8", "u8p") else 0
    return _frame(np.full((planes.shape[0], samples * width), empty, planes.dtype), like)


def _without(frame: av.AudioFrame, samples: int) -> av.AudioFrame:
    """A frame without its first samples."""
    planes = frame.to_ndarray()
    width = planes.shape[1] // frame.samples
    return _frame(np.ascontiguousarray(planes[:, samples * width :]), frame)


def _frame(planes: NDArray[Any], like: av.AudioFrame) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(planes, format=like.format.name, layout=like.layout.name)
    frame.sample_rate = like.sample_rate
    return frame
