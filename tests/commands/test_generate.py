from __future__ import annotations

import json
import shutil
import signal
import struct
import subprocess
import sys
import time
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

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
    stranger = Image.open(write_picture(tmp_path / "me.png")).rotate(90)
    stranger.save(tmp_path / "me.png")
    write_speech(tmp_path / "voice.wav", 0.5)
    arguments = ["--reference", "me.png", "--audio", "voice.wav", "--out", "out.mp4"]
    assert main(["generate", *arguments, "--action", "dance the smile", "--threads", "1"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "people outside the training domain are experimental" in said
    assert "'dance the smile' is not a known action; the nearest is smiling" in said


def test_a_characters_own_portrait_is_not_experimental(
    assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(assets / "characters" / "mira" / "portrait.png", "copy.png")
    write_speech(tmp_path / "voice.wav", 0.2)
    arguments = ["--reference", "copy.png", "--audio", "voice.wav", "--out", "out.mp4"]
    assert main(["generate", *arguments, "--threads", "1"]) == 0
    assert "experimental" not in capsys.readouterr().err


def corner(path: Path) -> np.ndarray:
    """Grey levels of the first frame where the label is written [24, 100]."""
    with av.open(str(path)) as container:
        luma = next(container.decode(video=0)).to_ndarray(format="gray").astype(int)
    return luma[-34:-10, 12:112]


def test_videos_say_that_they_were_generated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_speech(tmp_path / "voice.wav", 0.6)
    arguments = ["--character", "mira", "--audio", "voice.wav", "--threads", "1"]
    assert main(["generate", *arguments, "--out", "seen.mp4"]) == 0
    assert main(["generate", *arguments, "--out", "unseen.mp4", "--no-label"]) == 0
    capsys.readouterr()
    seen, unseen = corner("seen.mp4"), corner("unseen.mp4")
    # Letters are most of the way to white; how far that is depends on the picture.
    assert ((seen - unseen) / (225 - unseen)).max() > 0.6
    for name in ("seen.mp4", "unseen.mp4"):
        assert main(["verify", name, "--json"]) == 0
        verdict = json.loads(capsys.readouterr().out)
        assert verdict["marked"], verdict
        assert verdict["metadata"]["title"] == "AI-generated video"
        assert "trainedAlgorithmicMedia" in verdict["metadata"]["comment"]


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
    assert measured["threads"] == 2
    assert measured["concurrent"] is True
    assert measured["dtype"] in ("float32", "bfloat16")
    assert 0 < measured["first_frame_ms"] < 60_000
    assert measured["real_time_factor"] == pytest.approx(
        measured["frames_per_second"] / 25, rel=0.01
    )
    assert 100 < measured["rss_first_minute_mb"] == measured["rss_last_minute_mb"]
    assert measured["rss_last_minute_mb"] <= 1.01 * measured["peak_rss_mb"] < 4000
    runs = {stage["name"]: stage["runs"] for stage in measured["stages"]}
    assert runs == {"look": 1, "listen": 3, "denoise": 3, "decode": 7, "encode": 25}


def write_floats(path: Path, samples: np.ndarray) -> Path:
    """A WAV file of 32-bit floats at 16 kHz, which can hold what integers cannot."""
    data = samples.astype("<f4").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 16_000, 64_000, 4, 32)
    chunks = form + struct.pack("<4sI", b"data", len(data)) + data
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks)
    return path


def write_hour(path: Path) -> Path:
    """An hour of a quiet tone in 3.6 MB: 1000 samples of 8 bits a second."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 1000, 0, "NONE", ""))
        file.writeframes(bytes([120, 136]) * 1_800_000)
    return path


def damaged_checkpoint(path: Path, assets: Path) -> Path:
    """The default weights, cut off as a broken download leaves them."""
    shutil.copytree(assets / "checkpoint", path)
    (weights,) = (path / "transformer").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    return path


@pytest.fixture
def files(tmp_path: Path, assets: Path) -> None:
    """What a user may hand over, good and bad."""
    write_speech(tmp_path / "voice.wav", 0.5)
    (tmp_path / "text.txt").write_text("neither sound nor picture")
    (tmp_path / "empty.wav").touch()
    write_floats(tmp_path / "headless.wav", np.zeros(0))
    write_floats(tmp_path / "silent.wav", np.zeros(16_000))
    write_floats(tmp_path / "nan.wav", np.where(np.arange(16_000) == 9000, np.nan, 0.1))
    write_hour(tmp_path / "hour.wav")
    damaged_checkpoint(tmp_path / "damaged", assets)
    (tmp_path / "folder").mkdir()
    write_speech(tmp_path / "talk.wav", 0.5).rename(tmp_path / "talk.mp4")


def given(**changes: str) -> list[str]:
    options = {"character": "mira", "audio": "voice.wav", "out": "out.mp4"} | changes
    if "reference" in options:
        del options["character"]
    return [word for name, value in options.items() for word in (f"--{name}", value)]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audio": "nowhere.wav"}, "There is no audio file nowhere.wav."),
        ({"audio": "text.txt"}, "text.txt is not audio that can be read"),
        ({"audio": "folder"}, "folder is not an audio file."),
        ({"audio": "x" * 300}, "File name too long."),
        ({"audio": "empty.wav"}, "empty.wav is empty: the file has no bytes."),
        ({"audio": "headless.wav"}, "headless.wav is empty: it holds no sound"),
        ({"audio": "silent.wav"}, "silent.wav is silent"),
        ({"audio": "nan.wav"}, "nan.wav holds samples that are not numbers (NaN or infinite)."),
        ({"audio": "hour.wav"}, "hour.wav is longer than 30 minutes"),
        ({"max-minutes": "0.001"}, "is longer than 0.001 minutes"),
        ({"character": "nobody"}, "There is no character 'nobody'; known are mira."),
        ({"character": "../characters/mira"}, "There is no character '../characters/mira'"),
        ({"reference": "nowhere.png"}, "There is no picture nowhere.png."),
        ({"reference": "text.txt"}, "text.txt is not a picture that can be read"),
        ({"reference": "voice.wav"}, "voice.wav is not a picture that can be read"),
        ({"out": "nowhere/out.mp4"}, "There is no folder nowhere"),
        ({"out": "out.avi"}, "its name must end in .mp4"),
        ({"audio": "talk.mp4", "out": "talk.mp4"}, "talk.mp4 is the recording itself"),
        ({"checkpoint": "nowhere"}, "There is no checkpoint in nowhere"),
        ({"checkpoint": "damaged"}, "The transformer in damaged cannot be loaded"),
        ({"threads": "0"}, "--threads must be at least 1"),
    ],
)
def test_bad_input_is_one_sentence_exit_code_2_and_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], reason: str
) -> None:
    before = contents(tmp_path)
    assert main(["generate", *given(**changes)]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.startswith("flowact: ") and said.count("\n") == 1
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("[bold]a", "[bold]a"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("caf\udce9", "caf\\udce9"),
        ("日本 😀 100%s", "日本 😀 100%s"),
        ("http:a?b#c", "http:a?b#c"),
    ],
)
def test_files_may_have_any_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    """Names that Rich would take for markup, that steer a terminal, or whose bytes are no UTF-8."""
    write_speech(tmp_path / "voice.wav", 0.2).rename(tmp_path / f"{name}.wav")
    arguments = given(audio=f"{name}.wav", out=f"{name}.mp4", threads="1")
    assert main(["generate", *arguments]) == 0
    said = "".join(capsys.readouterr().err.split())
    assert f"{told}.mp4:".replace(" ", "") in said
    assert frames_of(tmp_path / f"{name}.mp4") == 5
    (tmp_path / f"{name}.wav").write_bytes(b"nothing")
    assert main(["generate", *arguments]) == 2
    said = capsys.readouterr().err
    assert (
        said
        == f"flowact: {told}.wav is not audio that can be read; wav, mp3, flac, m4a and ogg can.\n"
    )


def contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk_is_one_sentence_exit_code_2_and_no_file(tmp_path: Path) -> None:
    """The limit on a file's size is met in the middle of the video, as the end of a disk is."""
    write_speech(tmp_path / "voice.wav", 2.0)
    limited = (
        "import resource, sys; from flowact.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", limited, "generate", *given(threads="1")]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2, result.stderr
    assert result.stderr.endswith("flowact: out.mp4 cannot be written: File too large.\n")
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["voice.wav"]


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
    assert "There is no character 'elena'; none are in empty." in capsys.readouterr().err
