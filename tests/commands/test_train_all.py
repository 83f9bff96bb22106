import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from flowact.cli import main
from flowact.commands.train_all import AUDIO, TRANSFORMER, Job, Lane, lanes, load_budget, train_all
from flowact.datagen.voice.speech import voice
from flowact.errors import UserError


def test_stages_follow_each_other_and_start_from_the_one_before(tmp_path: Path) -> None:
    pictures, motion = lanes(load_budget("two-cores"), tmp_path)
    assert pictures.jobs[0].name == "synth"
    assert [job.name for job in motion.jobs] == ["latents", AUDIO, *TRANSFORMER]
    stages = motion.jobs[2:]
    for before, job in pairwise(stages):
        assert job.words[job.words.index("--init") + 1] == str(tmp_path / before.name)
    assert "--init" not in stages[0].words
    for job in stages:
        assert job.words[job.words.index("--audio") + 1] == str(tmp_path / AUDIO)
    guided = [job.name for job in motion.jobs if "--teacher" in job.words]
    assert guided == ["step-distill", "dmd"]


def test_people_look_photographed_where_textures_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr("flowact.commands.synth.run", lambda args: given.append(args.assets))
    for textures in (None, tmp_path / "textures"):
        pictures, _ = lanes(load_budget("half-hour"), tmp_path, textures)
        assert main(pictures.jobs[0].words) == 0
    assert given == [None, tmp_path / "textures"]


@pytest.mark.parametrize("budget", ["two-cores", "half-hour"])
def test_every_command_of_the_recipe_is_one_that_exists(
    budget: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for module in ("flowact.commands.train", "flowact.commands.synth"):
        monkeypatch.setattr(f"{module}.run", lambda args: seen.append(str(args.out)))
    jobs = [job for lane in lanes(load_budget(budget), tmp_path) for job in lane.jobs]
    for job in jobs:
        assert main(job.words) == 0
    assert len(seen) == len(jobs)


@pytest.mark.parametrize("option", ["--batch 0", "--steps -1", "--learning-rate nan"])
def test_options_that_make_no_sense_are_one_sentence(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(f"train joint --data {tmp_path} --out {run} {option}".split()) == 2
    assert f"{option.split()[0]} must be a number above 0" in capsys.readouterr().err
    assert not run.exists()


def test_a_lane_stops_at_the_job_that_fails(tmp_path: Path) -> None:
    lane = Lane("motion", [Job("good", ("--version",)), Job("bad", ("nonsense",)), Job("c", ())])
    lane.run(tmp_path)
    assert lane.failed == ["bad"]
    assert "nonsense" in (tmp_path / "motion.log").read_text()


def test_a_stopped_lane_ends_its_job_and_begins_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, popen = [], subprocess.Popen

    def slow(command: list[str], **how: object) -> subprocess.Popen:
        begun.append(command)
        return popen([sys.executable, "-c", "import time; time.sleep(60)"], **how)

    monkeypatch.setattr("flowact.commands.train_all.subprocess.Popen", slow)
    lane = Lane("motion", [Job("long", ()), Job("next", ())])
    thread = threading.Thread(target=lane.run, args=(tmp_path,))
    thread.start()
    while lane.process is None:
        time.sleep(0.01)
    lane.stop()
    thread.join(30)
    assert not thread.is_alive() and lane.failed == ["long"] and len(begun) == 1


def test_a_missing_voice_is_named_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "flowact.training.data.motion_only_clips.missing_packages", lambda: ["festvox-ru"]
    )
    with pytest.raises(UserError, match=r"packages festvox-ru, or ask .* voices: english"):
        train_all(load_budget("two-cores"), tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_missing_program_is_named_before_anything_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("flowact.datagen.voice.flite.is_installed", lambda: False)
    voice.cache_clear()
    with pytest.raises(UserError, match="needs the program flite"):
        train_all(load_budget("half-hour"), tmp_path / "work")
    assert main(["synth", "--out", str(tmp_path / "clips")]) == 2
    assert "needs the program flite" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_wrong_budget_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no budget 'much'; known are half-hour and two-cores"):
        load_budget("much")
    path = tmp_path / "odd.yaml"
    path.write_text("clips: many")
    with pytest.raises(UserError, match="not a budget"):
        load_budget(str(path))
