"""`flowact eval` from end to end on toy clips, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.cli import main
from flowact.datagen.clip import Clip
from flowact.evaluation.judges.readers import (
    MouthReader,
    SyncNet,
    load_readers,
    reader_path,
    save_reader,
)
from flowact.evaluation.measures.recognition import Recognition
from flowact.evaluation.report.targets import TARGETS, Target
from tests.tiny_assets import write_assets
from tests.tiny_pipeline import speech
from tests.training.tokenizer.toy_clips import toy_clip


@pytest.fixture(autouse=True)
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLOWACT_ASSETS", str(tmp_path / "assets"))
    return tmp_path / "assets"


def spoken_clip(seed: int, named: bool) -> Clip:
    """A toy clip that says something in its second half."""
    clip = toy_clip(seed, 48)
    arrays = {name: getattr(clip, name) for name in Clip.__dataclass_fields__}
    sound = speech(1.92, seed).read()
    sound[: len(sound) // 2] = 0
    arrays["audio"] = np.round(sound * 32767).astype(np.int16)
    arrays["phonemes"] = [("aa", 0.96, 1.2), ("b", 1.2, 1.28), ("iy", 1.28, 1.92)]
    arrays["meta"] = {"seed": seed, "character": "mira" if named else None}
    return Clip(**arrays)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split in ("train", "heldout"):
        for seed, named in ((1, True), (2, False)):
            spoken_clip(seed, named).save(tmp_path / "data" / split / f"{seed}.npz")
    return tmp_path / "data"


def test_behaviours_need_no_clips(
    tmp_path: Path, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_assets(assets)
    found = Recognition({"idling": 1.0}, {"idling": 0.5}, np.ones((1, 1), np.int64), 0.4)
    monkeypatch.setattr("flowact.evaluation.measures.recognition.recognise", lambda *_: found)
    assert main(["eval", "--behaviours", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["behaviours"] == {"idling": 0.5, "recognised": 0.5, "transition_seconds": 0.4}


def test_readers_are_trained_and_the_report_has_every_section(
    tmp_path: Path, assets: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_assets(assets)
    out = tmp_path / "report"
    assert main(["eval", "--data", str(data), "--out", str(out), "--fit", "--fit-steps", "40"]) == 0
    assert "mouth_reader_opening_correlation" in capsys.readouterr().out
    card = reader_path("mouth_reader").with_name("README.md").read_text()
    assert "2 training and 2 held-out clips" in card
    assert "$ flowact eval --fit --data DIR --fit-steps 40\n" in card
    assert card.count("| 40 | opening correlation") == card.count("| 20 | within a frame") == 1
    before = reader_path("mouth_reader").read_bytes()
    arguments = ["--data", str(data), "--out", str(out), "--threads", "1", "--encode-steps", "2"]
    assert main(["eval", *arguments]) == 0
    assert reader_path("mouth_reader").read_bytes() == before
    report = json.loads((out / "report.json").read_text())
    assert list(report) == ["tokenizer", "rendered_lips", "lip_sync", "motion"]
    assert set(TARGETS["tokenizer"]) < set(report["tokenizer"])
    assert set(TARGETS["lip_sync"]) < set(report["lip_sync"])
    assert report["tokenizer"]["named_clips"] == report["tokenizer"]["unseen_clips"] == 1
    assert report["tokenizer"]["named_still"] > 15
    assert report["tokenizer"]["named_psnr"] > report["tokenizer"]["named_encoded"] + 0.1
    assert report["lip_sync"]["silent_frames"] == 2 * 18  # 0.72 s before the first sound
    assert report["lip_sync"]["closures"] == 2
    with Image.open(out / "contact_sheet.jpg") as sheet:
        assert sheet.size == (7 * 240, 2 * 240)
    assert "missed" in capsys.readouterr().out


def write_random_readers() -> None:
    for model, name in ((MouthReader(), "mouth_reader"), (SyncNet(), "sync_net")):
        save_reader(model, reader_path(name))


def test_readers_come_back_from_their_files_in_half_precision() -> None:
    write_random_readers()
    mouth, sync = load_readers()
    assert not mouth.training and not sync.training
    assert reader_path("mouth_reader").stat().st_size < 500_000
    assert reader_path("sync_net").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Say what to measure on"),
        (["--recordings", "r", "--fit"], "the only thing for --fit"),
        (["--data", "empty", "--clips", "0"], "--clips must be 1 or more, not 0."),
        (["--data", "empty", "--encode-steps", "-1"], "--encode-steps must be 0 or more, not -1."),
        (["--data", "empty", "--sessions", "3"], "--sessions belongs to --minutes or --hours."),
        (["--data", "empty", "--sessions", "0"], "--sessions must be 1 or more, not 0."),
        (["--data", "empty", "--minutes", "0.1"], "--minutes must be 0.5 or more, not 0.1."),
        (["--data", "empty", "--minutes", "nan"], "--minutes must be 0.5 or more, not nan."),
        (["--data", "empty", "--fit", "--fit-steps", "3"], "--fit-steps must be 40 or more"),
        (["--formats", "--recordings", "r"], "--formats needs --data DIR with held-out clips"),
        (["--data", "empty", "--fit"], "empty has no clips in train/"),
        (["--data", "empty"], "mouth_reader.safetensors is missing"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["eval", *arguments]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert not (tmp_path / "eval").exists()


def test_damaged_readers_and_missing_clips_are_said(
    tmp_path: Path, assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_assets(assets)
    write_random_readers()
    arguments = ["eval", "--data", str(tmp_path / "none"), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "has no held-out clips; make them with `flowact synth" in capsys.readouterr().err
    reader_path("sync_net").write_bytes(b"not weights at all")
    assert main(arguments) == 2
    assert "sync_net.safetensors is damaged or of another version" in capsys.readouterr().err


def test_silent_clips_are_not_measured(
    tmp_path: Path, assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_assets(assets)
    write_random_readers()
    toy = toy_clip(4)
    silent = Clip(
        **{name: getattr(toy, name) for name in Clip.__dataclass_fields__ if name != "meta"},
        meta={"character": None},
    )
    silent.save(tmp_path / "data" / "heldout" / "4.npz")
    assert main(["eval", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 2
    assert "nothing is said in the 1 clip(s)" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["eval", "--data", str(tmp_path), "--out", str(tmp_path / "file")]) == 2
    assert "cannot be written: File exists." in capsys.readouterr().err


def test_targets_know_their_range() -> None:
    lag, drift = Target(-1, 1), Target(most=1.1)
    assert [lag.met(x) for x in (-2, -1, 1, 2, float("nan"))] == [False, True, True, False, False]
    assert [str(t) for t in (lag, drift, Target(0.8))] == ["-1 to 1", "<= 1.1", ">= 0.8"]
