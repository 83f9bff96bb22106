"""`flowact eval --judge` from end to end with judges of this test's own, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flowact.cli import main
from flowact.evaluation.judges.landmarks.face import FaceLandmarks
from flowact.evaluation.judges.landmarks.panel import Panel
from flowact.evaluation.measures import hand_gestures
from flowact.evaluation.measures.hand_gestures import GESTURES, Gesture
from flowact.evaluation.photographs import PersonPhotos
from flowact.evaluation.report import judged
from flowact.evaluation.report.targets import PORTRAIT_BARS
from flowact.tokenizer.config import DRAWN_STEPS
from flowact.tokenizer.tokenizer import Tokenizer
from tests.commands.conftest import write_picture, write_speech


class Faces:
    """Sees a mouth that is open as far as a frame is bright."""

    def look(self, picture: np.ndarray) -> FaceLandmarks:
        points = np.random.default_rng(0).uniform(100, 300, (478, 2))
        jaw = float(picture.mean()) / 255
        return FaceLandmarks(points, {"jawOpen": jaw, "eyeBlinkLeft": 0.1, "eyeBlinkRight": 0.1})


class Identity:
    def describe(self, picture: np.ndarray, _: Any = None) -> np.ndarray:
        return np.array([picture.mean() / 255])


def gestures(_pipeline: Any, _hands: Any, names: list[str], _seed: int) -> Any:
    flags = np.array([True, False])
    black = np.zeros((480, 480, 3), np.uint8)
    for name in names:
        for behaviour in GESTURES:
            yield Gesture(name, behaviour, ~flags | flags, flags, (black, black))


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SimpleNamespace(faces=Faces(), identity=Identity(), hands=None)
    monkeypatch.setattr(Panel, "load", classmethod(lambda *_: whole))
    monkeypatch.setattr(hand_gestures, "gestures", gestures)


@pytest.mark.usefixtures("panel")
def test_pictures_and_hands_become_a_table_a_report_and_sheets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "pictures" / "somebody.png")
    audio = write_speech(tmp_path / "said.wav", 2.0)
    arguments = ["--pictures", "pictures", "--audio", str(audio), "--seconds", "1.5"]
    assert main(["eval", "--judge", "cache", *arguments, "--threads", "1", "--out", "out"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report) == ["pictures", "all_pictures", "hands"]
    assert list(report["pictures"]) == ["mira", "somebody"]
    assert report["pictures"]["mira"]["jaw"] == pytest.approx(1)
    assert report["pictures"]["somebody"]["face"] == 1
    assert set(PORTRAIT_BARS) < set(report["all_pictures"])
    assert report["all_pictures"]["pictures"] == 1
    assert report["hands"]["waving"] == {"rendered": 1, "generated": 0.5, "hands": 0.5}
    with Image.open(tmp_path / "out" / "portraits.jpg") as sheet:
        assert sheet.size == (4 * 240, 2 * 262)
    with Image.open(tmp_path / "out" / "hands.jpg") as sheet:
        assert sheet.size == (6 * 240, 262)
    said = capsys.readouterr().out
    assert "blinks seen" in said and "somebody" in said and "missed" in said


@pytest.mark.usefixtures("panel")
def test_the_judges_are_calibrated_on_the_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write_picture(tmp_path / f"{name}.png") for name in "abc"]
    known = [PersonPhotos(name, *files) for name in ("P001", "P002")]
    monkeypatch.setattr(judged, "people", lambda _: known)
    assert main(["eval", "--judge", "cache", "--calibrate", "--out", "out"]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["one_person_portrait_and_selfie"]["n"] == 2
    assert report["one_person_portrait_and_selfie"]["median"] == 0
    assert report["one_person_portrait_and_expressions"]["n"] == 32
    assert report["two_people_portraits"]["n"] == 1
    assert "two_people_portraits" in capsys.readouterr().out


def test_a_step_that_is_left_out_is_not_drawn_and_the_others_are() -> None:
    tokenizer = Tokenizer(**dict.fromkeys(DRAWN_STEPS, 1.0))
    judged.draw_less(tokenizer, ["lids", "detail"])
    drawn = {name for name in DRAWN_STEPS if getattr(tokenizer.config, name)}
    assert drawn == set(DRAWN_STEPS) - {"lids", "detail"}
    assert tokenizer.face.decoder.detail == 0


def test_a_picture_passes_when_it_passes_every_bar() -> None:
    good = {"blinks_seen": 1.0, "blink_max": 0.7, "opening": 0.9, "jaw": 0.9, "identity": 0.2}
    found = judged.summary([good, good | {"identity": 0.4}, good | {"blink_max": float("nan")}])
    assert found["good"] == pytest.approx(1 / 3)
    assert found["pictures"] == 3
    assert found["identity"] == pytest.approx(0.8 / 3)
    assert found["blink_max"] == pytest.approx(0.7)
    assert judged.summary([])["good"] == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--pictures", "p"], "--pictures belongs to --judge."),
        (["--data", "d", "--calibrate"], "--calibrate belongs to --judge."),
        (["--judge", "j", "--seconds", "0.5"], "--seconds must be from 1 to 60, not 0.5."),
        (["--judge", "j", "--seconds", "nan"], "--seconds must be from 1 to 60, not nan."),
        (["--judge", "j", "--anchor", "nobody"], "There is no character 'nobody'"),
        (["--judge", "j", "--ablate"], "--judge stands alone: "),
        (["--judge", "j", "--without", "lids,hats"], "with commas, not 'hats'."),
        (["--data", "d", "--without", "lids"], "--without belongs to --judge."),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["eval", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert not (tmp_path / "eval").exists()


@pytest.mark.usefixtures("panel")
def test_pictures_that_cannot_be_used_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "load_pipeline", lambda *_: pytest.fail("loaded too early"))
    arguments = ["eval", "--judge", "cache", "--pictures", "own"]
    audio = ["--audio", str(write_speech(Path("said.wav"), 1.0))]
    Path("own").mkdir()
    assert main([*arguments, *audio]) == 2
    assert "There are no pictures in own." in capsys.readouterr().err
    Path("own/note.png").write_text("not a picture")
    assert main([*arguments, *audio]) == 2
    assert "note.png is not a picture that can be read" in capsys.readouterr().err
