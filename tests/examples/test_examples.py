"""Every example does what its docstring says, with tiny weights and small inputs."""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from PIL import Image

from flowact.commands.train_all import TRANSFORMER
from flowact.media.watermark import DETECTED, score
from tests.examples.conftest import EXAMPLES
from tests.study.tiny import tone_of, write_video
from tests.tiny_assets import picture, write_wave
from tests.tiny_pipeline import speech

Run = Callable[..., None]
MOST_LINES = 60
LONGER = {"pipecat_pipeline": 85, "websocket_client": 75}
"""What a pipeline of Pipecat needs at both of its ends, and a client that no library helps."""


def contents(path: Path) -> tuple[int, bool]:
    """Frames of a video, and whether it has sound."""
    with av.open(str(path)) as file:
        return sum(1 for _ in file.decode(video=0)), bool(file.streams.audio)


def test_stream_to_file(
    example: Run, tiny_assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example("stream_to_file", "--out", tmp_path / "out.mp4", "--action", "smile")
    assert contents(tmp_path / "out.mp4") == (50, True)
    assert re.match(r"first frame after \d+ ms\n.*2\.0 s of video", capsys.readouterr().out)


def test_own_portrait(
    example: Run, tiny_assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture()[:400]).save(tmp_path / "me.jpg")
    voice = write_wave(tmp_path / "voice.wav", speech(0.5).read())
    out = tmp_path / "me.mp4"
    example("own_portrait", "--picture", tmp_path / "me.jpg", "--audio", voice, "--out", out)
    assert contents(out) == (13, True)
    assert "No face was found" in capsys.readouterr().out
    with av.open(str(out)) as file:
        luma = next(file.decode(video=0)).to_ndarray(format="gray")
    assert score(luma) > DETECTED


def test_train_ten_minutes(example: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands exist, each stage starts from the one before, and ten minutes are spent."""
    done: list[argparse.Namespace] = []
    for module in ("flowact.commands.train", "flowact.commands.synth"):
        monkeypatch.setattr(f"{module}.run", done.append)
    example("train_ten_minutes", "--out", tmp_path)
    trained = [args for args in done if getattr(args, "minutes", None)]
    assert sum(args.minutes for args in trained) == pytest.approx(10)
    flows = [args for args in trained if args.stage not in ("tokenizer", "audio")]
    assert [args.stage for args in flows] == list(TRANSFORMER)
    assert [args.init for args in flows] == [None, *(args.out for args in flows[:-1])]
    assert [args.stage for args in flows if args.teacher] == ["step-distill", "dmd"]
    assert {args.audio for args in flows} == {tmp_path / "audio"}
    assert done[-1].transformer == flows[-1].out


def test_study_from_folders(example: Run, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    for shade, system in enumerate(("one", "two")):
        (tmp_path / system).mkdir()
        for number in range(4):
            tone = tone_of(1.0, 220 + 60 * number)
            write_video(tmp_path / system / f"portrait{number}.mp4", 1.0, 60 * shade + number, tone)
    (tmp_path / "one" / "alone.mp4").write_bytes(b"")
    folders = ("--ours", tmp_path / "one", "--theirs", tmp_path / "two")
    example("study_from_folders", *folders, "--study", tmp_path / "study", "--size", 64)
    assert json.loads((tmp_path / "study" / "audit.json").read_text())
    assert re.search(r"(\d+) of \1 checks passed", capfd.readouterr().out)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_shows(path: Path) -> None:
    text = path.read_text()
    told = ast.get_docstring(ast.parse(text)) or ""
    assert len(text.splitlines()) <= LONGER.get(path.stem, MOST_LINES)
    assert "Shows" in told and f"python examples/{path.name} " in told


def test_the_table_names_every_example() -> None:
    table = (EXAMPLES / "README.md").read_text()
    shown = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}
    assert set(re.findall(r"^\| \[`(\S+)`\]\(\1\)", table, re.MULTILINE)) == shown
