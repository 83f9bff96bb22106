"""From init to verify on the command line, and one sentence with code 2 for every mistake."""

import re

import pytest

from study.cli import main
from study.config import load
from study.deployment import attach
from tests.study.tiny import api_client, take_part


def run(*words) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return int(stopped.value.code)


def mistake(capsys, *words) -> str:
    assert run(*words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("study: ")
    assert printed.err.count("\n") == 1
    return printed.err


def test_a_whole_life(study_folder, tmp_path, capsys, clock):
    assert run("import", study_folder, study_folder / "sources" / "manifest.csv") == 0
    assert run("build", study_folder) == 0
    assert run("audit", study_folder) == 0
    assert "7 of 7 checks passed" in capsys.readouterr().out
    assert run("open", study_folder) == 0
    place = attach(study_folder, clock)
    for answer in ("left", "same", "right"):
        take_part(api_client(place), place, answer)
    place.store.close()
    assert run("backup", study_folder, tmp_path / "copy.db") == 0
    assert "hidden until the study is closed" in mistake(
        capsys, "export", study_folder, "--out", tmp_path
    )
    assert run("close", study_folder) == 0
    assert "stays closed" in mistake(capsys, "open", study_folder)
    assert run("export", study_folder, "--out", tmp_path / "out") == 0
    head = re.search(r"ledger ([0-9a-f]{64})", capsys.readouterr().out).group(1)
    assert run("verify", tmp_path / "out" / "bundle.zip", "--head", head) == 0
    assert run("verify", tmp_path / "out" / "bundle.zip", "--head", "0" * 64) == 1
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "votes.csv",
        "votes.jsonl",
        "codebook.md",
        "paper.tex",
        "gsb.png",
        "bundle.zip",
    }


def test_init_writes_a_valid_study_and_never_overwrites(tmp_path, capsys):
    assert run("init", tmp_path / "My Study") == 0
    assert load(tmp_path / "My Study" / "study.yaml").candidate == "ours"
    assert "init never overwrites" in mistake(capsys, "init", tmp_path / "My Study")


def test_steps_in_the_wrong_order_say_what_is_missing(study_folder, tmp_path, capsys):
    assert "there is no such configuration" in mistake(capsys, "build", tmp_path)
    assert "has not been audited" in mistake(capsys, "open", study_folder)
    assert "there is no database yet" in mistake(capsys, "close", study_folder)
    assert "cannot be read" in mistake(capsys, "import", study_folder, tmp_path / "none.csv")


def test_rules_cannot_change_after_opening(study_folder, capsys):
    assert run("audit", study_folder) == 0
    assert run("open", study_folder) == 0
    capsys.readouterr()
    path = study_folder / "study.yaml"
    path.write_text(path.read_text().replace("seed: 5", "seed: 6"))
    assert "changed since the study was opened" in mistake(capsys, "close", study_folder)
