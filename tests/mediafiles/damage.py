"""Small files of seventeen formats, and what a bad disk, a broken download or a malicious sender makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from tests.mediafiles.sources import Clip, write, write_heic
from tests.mediafiles.test_sound import encode, tone

SOUNDS = {"wav": "pcm_s16le", "mp3": "libmp3lame", "flac": "flac", "ogg": "libopus", "m4a": "aac"}
VIDEOS = {"mp4": "libx264", "mkv": "libx264", "ts": "libx264", "webm": "libvpx-vp9", "avi": "mpeg4"}
PICTURES = ("png", "jpg", "webp", "tif", "avif", "gif", "heic")


def whole_files(folder: Path) -> dict[str, bytes]:
    """A sound file of each format, by ending: a tone, a clip, or noise of 64 pixels a side."""
    for ending, codec in SOUNDS.items():
        encode(folder / f"a.{ending}", tone(0.3, 48_000)[None], 48_000, codec)
    for ending, codec in VIDEOS.items():
        sound = "libopus" if ending == "webm" else "libmp3lame" if ending == "avi" else "aac"
        clip = Clip(seconds=0.3, at=0.1, size=(64, 64), codec=codec, sound=sound)
        write(folder / f"a.{ending}", clip)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_heic(folder / "a.heic", noise, profile)
    for ending in PICTURES[:-1]:
        Image.fromarray(noise).save(folder / f"a.{ending}")
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Cut, overwritten, with bits turned, with a piece missing, repeated, or of another kind."""
    kind, at = dice.randrange(6), dice.randrange(len(data))
    length = dice.randrange(1, 400)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + dice.randbytes(length) + data[at + length :]
    if kind == 2:
        spoilt = bytearray(data)
        for _ in range(dice.randrange(1, 30)):
            spoilt[dice.randrange(min(len(data), 2000))] ^= 1 << dice.randrange(8)
        return bytes(spoilt)
    if kind == 3:
        return data[:at] + data[at + length :]
    if kind == 4:
        return data[:at] + data[at : at + length] * 3 + data[at + length :]
    return data[: dice.randrange(64)] + dice.randbytes(length)


def damaged_files(
    whole: dict[str, bytes], endings: Sequence[str], number: int
) -> Iterator[tuple[str, bytes]]:
    """So many names and contents, the formats in turn; always the same ones."""
    dice = random.Random(number)
    for count in range(number):
        ending = endings[count % len(endings)]
        yield f"a.{ending}", damaged(whole[ending], dice)
