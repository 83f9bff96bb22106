"""Small files of every kind, made here: a white flash and a beep at one moment, in many wrappings."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 48_000
Size = tuple[int, int]


@dataclass(frozen=True)
class Clip:
    """What a made file shows.

    Attributes:
        at: seconds of flash and beep.
        codec, sound: names of encoders; None for no sound.
        pictures_from, sound_from: seconds at which the streams begin.
        sizes: width and height.
        aspect: of stored pixels.
        times: of the frames, from their number; None for a steady rate.
        colours: values of the encoder's context.
    """

    seconds: float = 1.5
    fps: Fraction = Fraction(25)
    at: float = 1.0
    codec: str = "libx264"
    sound: str | None = "aac"
    pictures_from: float = 0.0
    sound_from: float = 0.0
    size: Size = (128, 128)
    aspect: Fraction = Fraction(1)
    pixels: str = "yuv420p"
    layout: str = "mono"
    times: Callable[[int], float] | None = None
    colours: tuple[tuple[str, int], ...] = ()
    grey: int = 64


def write(path: Path, clip: Clip) -> Path:
    """Grey pictures with a red bar on top, white for a tenth of a second; a beep of as long."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with usual_priority(), av.open(str(path), "w", options=options) as container:
        video = container.add_stream(clip.codec, rate=clip.fps)
        video.width, video.height, video.pix_fmt = *clip.size, clip.pixels
        fine = Fraction(1, 12_800)
        video.time_base = video.codec_context.time_base = fine
        video.options = FAST.get(clip.codec, {})
        for name, value in clip.colours:
            setattr(video.codec_context, name, value)
        if clip.aspect != 1:
            video.codec_context.sample_aspect_ratio = clip.aspect
        sound = clip.sound and container.add_stream(clip.sound, rate=RATE, layout=clip.layout)
        count = round((clip.seconds - clip.pictures_from) * clip.fps)
        for number in range(count):
            time = clip.pictures_from + (
                clip.times(number) if clip.times else number / float(clip.fps)
            )
            frame = av.VideoFrame.from_ndarray(picture(clip, time), format="rgb24").reformat(
                format=clip.pixels
            )
            frame.pts, frame.time_base = round(time / fine), fine
            for name, value in clip.colours:
                setattr(frame, name, value)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound:
            write_sound(container, sound, clip)
    return path


FAST = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
    "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime"},
    "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
}


@contextmanager
def usual_priority() -> Iterator[None]:
    """Undo what SVT-AV1 does for root: the thread that calls it gets real-time priority, and keeps it.

    Whatever that thread starts afterwards has it too, and nothing else on the machine gets a turn.
    """
    yield
    if hasattr(os, "sched_setscheduler"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def picture(clip: Clip, time: float) -> np.ndarray:
    width, height = clip.size
    image = np.full((height, width, 3), clip.grey, np.uint8)
    image[: height // 5] = (255, 0, 0)
    if clip.at - 1e-6 <= time < clip.at + 0.1 - 1e-6:
        image[height // 5 :] = 255
    return image


def write_sound(container, stream, clip: Clip) -> None:
    times = clip.sound_from + np.arange(round((clip.seconds - clip.sound_from) * RATE)) / RATE
    beep = 0.5 * np.sin(2 * np.pi * 1000 * times) * ((times >= clip.at) & (times < clip.at + 0.1))
    channels = av.AudioLayout(clip.layout).nb_channels
    wave = np.ascontiguousarray(np.stack([beep] * channels).astype(np.float32))
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout=clip.layout)
    frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
    frame.pts = round(clip.sound_from * RATE)
    kind = stream.codec_context.codec.audio_formats[0].name
    resampler = av.AudioResampler(
        kind, clip.layout, RATE, frame_size=stream.codec_context.frame_size or None
    )
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Give an mp4 the display matrix [[a, b], [c, d]] that phones write."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix lies behind times, layer and volume
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, at, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def trim(path: Path, seconds: float) -> Path:
    """Hide the first seconds of all streams of an mp4 by its edit lists, as cutting without encoding does."""
    data = bytearray(path.read_bytes())
    scale = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    start = 0
    while (start := data.find(b"elst", start)) >= 0:
        version, count = data[start + 4], struct.unpack_from(">I", data, start + 8)[0]
        assert (version, count) == (0, 1)
        head = data.rindex(b"trak", 0, start)
        media_scale = struct.unpack_from(">I", data, data.index(b"mdhd", head) + 16)[0]
        lasts, begins = struct.unpack_from(">Ii", data, start + 12)
        struct.pack_into(
            ">Ii",
            data,
            start + 12,
            lasts - round(seconds * scale),
            begins + round(seconds * media_scale),
        )
        start += 4
    path.write_bytes(data)
    return path


def _still(path: Path, pixels: np.ndarray) -> tuple[bytes, bytes]:
    """One HEVC frame, encoded by way of an mp4 file: the decoder's configuration, and the frame."""
    high, wide = pixels.shape[:2]
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1)
        stream.width, stream.height, stream.pix_fmt = wide, high, "yuv444p"
        stream.options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:crf=4"}
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv444p")
        frame.pts, frame.time_base = 0, Fraction(1)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            packet.dts = packet.pts  # x265 gives a lone frame any number
            container.mux(packet)
    with av.open(str(path)) as container:
        header = bytes(container.streams.video[0].codec_context.extradata)
        picture = bytes(next(container.demux(video=0)))
    return header, picture


def _box(kind: bytes, *parts: bytes, full: bytes = b"") -> bytes:
    body = full + b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def write_heic(path: Path, pixels: np.ndarray, profile: bytes) -> Path:
    """A HEIC picture, as telephones store them: one HEVC frame, with a colour profile, in boxes written here."""
    high, wide = pixels.shape[:2]
    header, picture = _still(path, pixels)
    plain = bytes(4)
    start = _box(b"ftyp", b"heic", plain, b"mif1heic")
    properties = _box(
        b"ipco",
        _box(b"hvcC", header),
        _box(b"ispe", struct.pack(">II", wide, high), full=plain),
        _box(b"colr", b"prof", profile),
    )

    def meta(offset: int) -> bytes:
        return _box(
            b"meta",
            _box(b"hdlr", plain, b"pict", bytes(13), full=plain),
            _box(b"pitm", struct.pack(">H", 1), full=plain),
            _box(
                b"iinf",
                struct.pack(">H", 1),
                _box(b"infe", struct.pack(">HH", 1, 0), b"hvc1\0", full=b"\2\0\0\0"),
                full=plain,
            ),
            _box(
                b"iloc",
                struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(picture)),
                full=plain,
            ),
            _box(
                b"iprp",
                properties,
                _box(b"ipma", struct.pack(">IHB3B", 1, 1, 3, 0x81, 2, 3), full=plain),
            ),
            full=plain,
        )

    offset = len(start) + len(meta(0)) + 8
    path.write_bytes(start + meta(offset) + _box(b"mdat", picture))
    return path
