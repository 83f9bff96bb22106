"""Three hundred damaged files of fifteen formats: each is read, or refused in one sentence; nothing else escapes."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mediafiles import MediaError
from mediafiles.pictures import read_picture
from mediafiles.screen import Screen
from mediafiles.sound import first_rate, read_mono
from mediafiles.video import inspect_video, video_frames
from tests.mediafiles.sources import Clip, write
from tests.mediafiles.test_sound import encode, tone

SOUNDS = {"wav": "pcm_s16le", "mp3": "libmp3lame", "flac": "flac", "ogg": "libopus", "m4a": "aac"}
VIDEOS = {"mp4": "libx264", "mkv": "libx264", "ts": "libx264", "webm": "libvpx-vp9", "avi": "mpeg4"}
PICTURES = ("png", "jpg", "webp", "tif", "avif", "gif")
FILES_EACH = 19


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of each format."""
    folder = tmp_path_factory.mktemp("whole")
    for ending, codec in SOUNDS.items():
        encode(folder / f"a.{ending}", tone(0.3, 48_000)[None], 48_000, codec)
    for ending, codec in VIDEOS.items():
        sound = "libopus" if ending == "webm" else "libmp3lame" if ending == "avi" else "aac"
        write(folder / f"a.{ending}", Clip(seconds=0.3, size=(64, 64), codec=codec, sound=sound))
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for ending in PICTURES:
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


def read(path: Path, kind: str) -> None:
    if kind == "sound":
        first_rate(path)
        read_mono(path, 16_000, "sound")
    elif kind == "picture":
        read_picture(path, 480)
    else:
        inspect_video(path)
        read_mono(path, 16_000)
        screen = Screen(64, 64)
        for shown in video_frames(path):
            assert screen.show(shown.picture, shown.aspect).shape == (64, 64, 3)


@pytest.mark.parametrize("ending", [*SOUNDS, *VIDEOS, *PICTURES])
def test_damage_is_read_or_refused_in_one_sentence(whole, tmp_path: Path, ending: str) -> None:
    kind = "sound" if ending in SOUNDS else "video" if ending in VIDEOS else "picture"
    path = tmp_path / f"a.{ending}"
    path.write_bytes(whole[ending])
    read(path, kind)
    dice, refused = random.Random(ending), 0
    for _ in range(FILES_EACH):
        path.write_bytes(damaged(whole[ending], dice))
        try:
            read(path, kind)
        except MediaError as error:
            refused += 1
            assert str(error).startswith(f"a.{ending} ")
            assert str(error).endswith(".")
            assert "\n" not in str(error)
    assert refused > 0
