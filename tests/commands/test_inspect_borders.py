"""Frames around chunk borders are found, drawn and compared."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.cli import main
from flowact.commands.inspect_borders import choose_borders
from flowact.media import VideoWriter
from tests.tiny_pipeline import speech


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """40 frames that brighten slowly, and by a jump into frames 12, 24 and 36."""
    levels = 60 + np.arange(40) + 20 * (np.arange(40) // 12)
    with VideoWriter(tmp_path / "talk.mp4") as writer:
        for level in levels:
            writer.write(np.full((1, 480, 480, 3), level, np.uint8))
    return tmp_path / "talk.mp4"


def test_borders_are_spread_over_the_video() -> None:
    assert choose_borders(15, 6) == []
    assert choose_borders(16, 6) == [12]
    assert choose_borders(40, 6) == [12, 24, 36]
    assert choose_borders(40, 2) == [12, 36]
    assert choose_borders(12_000, 3) == [12, 6000, 11_988]


def test_a_jump_at_borders_is_drawn_and_measured(
    tmp_path: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    assert main(["sheet", str(video), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "frames around 3 chunk borders" in said
    across = float(said.split("chunk borders frames change ")[1].split()[0])
    assert 15 < across < 27  # 21 levels against 1, give or take the codec
    sheet = np.asarray(Image.open(out)).astype(int)
    assert sheet.shape == (3 * 258, 8 * 240, 3)
    assert sheet[130, 480 * 2 - 120, 0] + 15 < sheet[130, 480 * 2 + 120, 0]
    assert (sheet[100, 960] == (220, 40, 40)).all()


def test_the_face_is_shown_with_all_its_pixels(tmp_path: Path) -> None:
    stripes = np.where(np.arange(480) % 2, 200, 40).astype(np.uint8)
    frames = np.broadcast_to(stripes[None, :, None, None], (16, 480, 480, 3)).copy()
    with VideoWriter(tmp_path / "talk.mp4") as writer:
        writer.write(frames)
    contrast = []
    for options in (["--face"], []):
        out = tmp_path / "sheet.png"
        assert main(["sheet", str(tmp_path / "talk.mp4"), "--out", str(out), *options]) == 0
        column = np.asarray(Image.open(out)).astype(int)[60:200, 120, 0]
        contrast.append(np.abs(np.diff(column)).mean())
    assert contrast[0] > 80 > 20 > contrast[1]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere.mp4"], "There is no video nowhere.mp4."),
        (["text.mp4"], "text.mp4 is not a video that can be read"),
        (["talk.mp4", "--rows", "0"], "--rows must be at least 1, not 0."),
        (["talk.mp4", "--out", "nowhere/sheet.png"], "cannot be written"),
        (["talk.mp4", "--out", "sheet.xyz"], "cannot be written"),
        (["short.mp4"], "ends before its first chunk border"),
        (["sound.mp4"], "has no picture in it"),
    ],
)
@pytest.mark.usefixtures("video")
def test_what_cannot_be_drawn_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    from tests.commands.conftest import write_speech

    monkeypatch.chdir(tmp_path)
    Path("text.mp4").write_text("no video")
    write_speech(tmp_path / "sound.wav", 0.5).rename("sound.mp4")
    with VideoWriter("short.mp4", speech(0.4)) as writer:
        writer.write(np.zeros((10, 480, 480, 3), np.uint8))
    assert main(["sheet", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert not list(tmp_path.glob("sheet*"))
