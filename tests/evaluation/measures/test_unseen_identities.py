"""Pictures of people whom the model was not trained on, beside those whom it knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flowact.cli import main
from flowact.evaluation.measures.measurements import Take
from flowact.evaluation.measures.unseen_identities import Likeness, compared
from flowact.evaluation.subjects import Subject
from tests.commands.test_eval import write_random_readers
from tests.tiny_assets import write_assets

OPENING = np.abs(np.sin(np.arange(100) / 3)).astype(np.float32)


def likeness(name: str, opening: np.ndarray, identity: float, colour: float) -> Likeness:
    picture = np.zeros((240, 240, 3), np.uint8)
    subject = Subject(name, picture, np.zeros(0, "f4"), opening, opening > 2, ())
    crops, small = torch.zeros(0, 3, 88, 80), np.zeros((0, 60, 60), np.float32)
    take = Take(subject, opening, opening, crops, small, opening[1:], [picture], picture)
    return Likeness(take, identity, colour)


def test_a_stranger_is_compared_with_the_mean_of_the_known() -> None:
    known = [likeness("a", OPENING, 0.01, 1.0), likeness("b", 0.5 * OPENING, 0.03, 3.0)]
    still = likeness("statue", np.zeros(100, np.float32), 0.0, 0.0)
    lively = likeness("me", 1.5 * OPENING, 0.05, 1.0)
    found = compared([still, lively], known)
    assert found["statue"] == {"identity": 0, "colour": 0, "lips": 0, "range": 0}
    assert found["me"] == pytest.approx({"identity": 2.5, "colour": 0.5, "lips": 1.0, "range": 2.0})


def test_a_folder_of_pictures_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWACT_ASSETS", str(tmp_path / "assets"))
    write_assets(tmp_path / "assets")
    write_random_readers()
    (tmp_path / "pictures").mkdir()
    for name, tone in (("wall", "#808080"), ("night", "#101020")):
        Image.new("RGB", (300, 200), tone).save(tmp_path / "pictures" / f"{name}.png")
    arguments = ["eval", "--portraits", str(tmp_path / "pictures"), "--threads", "1"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report) == ["night", "wall"]
    assert set(report["wall"]) == {"identity", "colour", "lips", "range"}
    with Image.open(tmp_path / "out" / "portraits.jpg") as sheet:
        assert sheet.size == (7 * 240, 2 * 240)


def test_an_empty_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pictures").mkdir()
    arguments = ["eval", "--portraits", str(tmp_path / "pictures"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "There are no pictures in" in capsys.readouterr().err
