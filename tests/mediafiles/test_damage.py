"""Three hundred damaged files of fifteen formats: each is read, or refused in one sentence; nothing else escapes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mediafiles import MediaError
from mediafiles.pictures import read_picture
from mediafiles.screen import Screen
from mediafiles.sound import first_rate, read_mono
from mediafiles.video import inspect_video, video_frames
from tests.mediafiles.damage import PICTURES, SOUNDS, VIDEOS, damaged, whole_files

FILES_EACH = 19


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return whole_files(tmp_path_factory.mktemp("whole"))


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
