"""The commands with `--preset` and `--devices`, on a tiny random instance of the large presets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowact.cli import main
from tests.tiny_preset import TRANSFORMER, write_preset

from .conftest import write_speech
from .test_generate import frames_of


def generate(*further: str) -> int:
    write_speech(Path("voice.wav"), 0.5)
    given = ["--character", "mira", "--audio", "voice.wav", "--out", "out.mp4", "--threads", "1"]
    return main(["generate", *given, *further])


def test_a_preset_without_weights_is_random_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_preset(tmp_path / "tiny.yaml")
    assert generate("--preset", "tiny.yaml", "--devices", "cpu,cpu") == 0
    assert frames_of(tmp_path / "out.mp4") == 13
    assert "tiny.yaml has no weights here" in capfd.readouterr().err
    assert main(["bench", "--preset", "tiny.yaml", "--seconds", "1", "--json", "b.json"]) == 0
    assert json.loads(Path("b.json").read_text())["frames_per_second"] > 0


@pytest.mark.parametrize(
    ("further", "reason"),
    [
        (["--preset", "huge"], "There is no preset 'huge'"),
        (["--preset", "odd.yaml"], "does not divide into 1 view"),
        (["--devices", "cuda:7"], "--devices names cuda:7; PyTorch finds"),
        (
            ["--preset", "tiny.yaml", "--checkpoint", "CHECKPOINT"],
            "The checkpoint's codec is compact",
        ),
        (["--preset", "default"], "The checkpoint is not of the preset default"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    assets: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    further: list[str],
    reason: str,
) -> None:
    write_preset(tmp_path / "tiny.yaml")
    write_preset(tmp_path / "odd.yaml", transformer={**TRANSFORMER, "patch_size": 7})
    given = [str(assets / "checkpoint") if each == "CHECKPOINT" else each for each in further]
    assert generate(*given) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert reason in said and "Traceback" not in said
