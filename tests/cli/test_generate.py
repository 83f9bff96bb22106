from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from flowact.cli import main

from .conftest import write_picture, write_speech


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec.name == "aac"
        return container.streams.video[0].frames


def test_a_character_speaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_speech(tmp_path / "voice.wav", 1.0)
    arguments = ["--character", "mira", "--audio", "voice.wav", "--out", "out.mp4"]
    assert main(["generate", *arguments, "--threads", "2"]) == 0
    assert frames_of(tmp_path / "out.mp4") == 25
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "voice.wav"]
    assert "times real time" in capsys.readouterr().err


def test_a_picture_of_somebody_else_is_experimental(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "me.png")
    write_speech(tmp_path / "voice.wav", 0.5)
    arguments = ["--reference", "me.png", "--audio", "voice.wav", "--out", "out.mp4"]
    assert main(["generate", *arguments, "--action", "dance the smile", "--threads", "1"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "people outside the training domain are experimental" in said
    assert "'dance the smile' is not a known action; the nearest is smiling" in said


def test_the_demonstration_prints_where_the_video_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--threads", "1"]) == 0
    assert frames_of(tmp_path / "out" / "demo.mp4") == 25
    assert str(tmp_path / "out" / "demo.mp4") in capsys.readouterr().out.replace("\n", "")


def test_the_benchmark_writes_what_it_measured(tmp_path: Path) -> None:
    assert main(["bench", "--seconds", "1", "--threads", "2", "--json", "bench.json"]) == 0
    measured = json.loads((tmp_path / "bench.json").read_text())
    assert measured["seconds_of_video"] == 1.0
    assert measured["threads"] == 1
    assert measured["concurrent"] is True
    assert measured["dtype"] in ("float32", "bfloat16")
    assert 0 < measured["first_frame_ms"] < 60_000
    assert measured["real_time_factor"] == pytest.approx(
        measured["frames_per_second"] / 25, rel=0.01
    )
    assert 100 < measured["peak_rss_mb"] < 4000
    runs = {stage["name"]: stage["runs"] for stage in measured["stages"]}
    assert runs == {"look": 1, "listen": 3, "denoise": 3, "decode": 7, "encode": 25}


def bad_arguments(case: str, folder: Path) -> dict[str, str]:
    given = {"--character": "mira", "--audio": "voice.wav", "--out": "out.mp4"}
    write_speech(folder / "voice.wav", 0.5)
    changes = {
        "no audio": {"--audio": "nowhere.wav"},
        "no sound": {"--audio": "text.txt"},
        "long": {"--max-minutes": "0.001"},
        "character": {"--character": "nobody"},
        "path as character": {"--character": "../characters/mira"},
        "target": {"--out": "nowhere/out.mp4"},
        "checkpoint": {"--checkpoint": "nowhere"},
        "threads": {"--threads": "0"},
    }
    if case == "picture":
        del given["--character"]
        return given | {"--reference": "text.txt"}
    return given | changes[case]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no audio", "There is no audio file nowhere.wav."),
        ("no sound", "text.txt is not audio that can be read"),
        ("long", "is longer than 0.001 minutes"),
        ("character", "There is no character 'nobody'; known are mira."),
        ("path as character", "There is no character '../characters/mira'"),
        ("picture", "text.txt is not a picture that can be read"),
        ("target", "There is no folder nowhere"),
        ("checkpoint", "There is no checkpoint in nowhere"),
        ("threads", "--threads must be at least 1"),
    ],
)
def test_bad_input_is_one_sentence_exit_code_2_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, reason: str
) -> None:
    (tmp_path / "text.txt").write_text("neither sound nor picture")
    arguments = [word for pair in bad_arguments(case, tmp_path).items() for word in pair]
    assert main(["generate", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.txt", "voice.wav"]


def test_a_command_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    write_speech(tmp_path / "voice.wav", 120.0)
    arguments = ["--character", "mira", "--audio", "voice.wav", "--out", "out.mp4"]
    command = [sys.executable, "-m", "flowact", "generate", *arguments, "--threads", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        while not list(tmp_path.glob(".out.mp4.*.part")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
    finally:
        process.kill()
    assert [path.name for path in tmp_path.iterdir()] == ["voice.wav"]


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    write_speech(tmp_path / "voice.wav", 0.5)
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        arguments = ["--character", "mira", "--audio", "voice.wav", "--seed", seed]
        assert main(["generate", *arguments, "--out", f"{name}.mp4", "--threads", "1"]) == 0
    a, b, c = (pictures(tmp_path / f"{name}.mp4") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def pictures(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_no_characters_at_all_is_said(
    assets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(assets / "speech", "empty/speech")
    monkeypatch.setenv("FLOWACT_ASSETS", "empty")
    assert main(["demo"]) == 2
    assert "There is no character 'mira'; none are in empty." in capsys.readouterr().err
