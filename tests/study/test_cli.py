"""From init to verify on the command line, and one sentence with code 2 for every mistake."""

import re
import socket
import zipfile

import pytest

from study.cli import main
from study.design import audit_record, builder
from study.design.config import load
from study.server import exports
from study.voting.context import attach
from tests.study.tiny import api_client, take_part


def run(*words) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return int(stopped.value.code)


@pytest.fixture
def audited(study_folder):
    """The tiny study ready to be opened; the audit itself is seen in the life above."""
    config = load(study_folder / "study.yaml")
    index = builder.read_index(study_folder / "stimuli")
    audit_record.save([], index, config, study_folder / "audit.json")
    return study_folder


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
    assert "9 of 9 checks passed" in capsys.readouterr().out
    assert run("open", study_folder) == 0
    capsys.readouterr()
    context = attach(study_folder, clock)
    for answer in ("left", "same", "right"):
        take_part(api_client(context), context, answer)
    context.store.close()
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
    assert run("verify", tmp_path / "out" / "bundle.zip") == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("NOT PROVEN: 1 of ")
    with zipfile.ZipFile(tmp_path / "out" / "bundle.zip") as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    outside = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(outside) == set(exports.NAMES), "and nothing that a study's own folder holds"
    del outside["bundle.zip"]
    assert outside == {name: inside[name] for name in outside}


@pytest.mark.parametrize("name", ["My Study", "研究", "étude", "2", "_", "a:b", "x" * 100])
def test_init_writes_a_valid_study_and_never_overwrites(tmp_path, capsys, name):
    assert run("init", tmp_path / name) == 0
    assert load(tmp_path / name / "study.yaml").candidate == "ours"
    assert "init never overwrites" in mistake(capsys, "init", tmp_path / name)


def test_steps_in_the_wrong_order_say_what_is_missing(study_folder, tmp_path, capsys):
    assert "there is no such configuration" in mistake(capsys, "build", tmp_path)
    assert "has not been audited" in mistake(capsys, "open", study_folder)
    assert "there is no database yet" in mistake(capsys, "close", study_folder)
    assert "cannot be read" in mistake(capsys, "import", study_folder, tmp_path / "none.csv")


def test_what_cannot_be_read_or_written_is_one_sentence(audited, tmp_path, capsys):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert "there is no such configuration" in mistake(capsys, "import", tmp_path / "none")
    assert "file" in mistake(capsys, "init", blocked)
    assert "holds 0 rendered" in mistake(capsys, "sample", tmp_path / "new", tmp_path / "none")
    assert run("open", audited) == 0
    assert run("close", audited) == 0
    capsys.readouterr()
    assert "file" in mistake(capsys, "export", audited, "--out", blocked)
    assert "cannot be written" in mistake(capsys, "backup", audited, tmp_path / "no" / "b.db")
    assert "not a study bundle" in mistake(capsys, "verify", tmp_path / "none.zip")


def test_a_taken_port_is_one_sentence(audited, capsys):
    assert run("open", audited) == 0
    capsys.readouterr()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "cannot listen there" in mistake(capsys, "serve", audited, "--port", port)
    assert "cannot listen there" in mistake(capsys, "serve", audited, "--port", "99999")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("oracle://user@host/name", "its driver is not installed"),
        ("nosuch://host/name", "its driver is not installed"),
        ("postgresql://user@127.0.0.1:9/name", "127.0.0.1"),
    ],
)
def test_a_database_that_cannot_be_had_is_one_sentence(audited, capsys, monkeypatch, url, sentence):
    capsys.readouterr()
    monkeypatch.setenv("STUDY_DATABASE", url)
    assert sentence in mistake(capsys, "open", audited)


@pytest.mark.parametrize("words", [["load", "x", "--people", "0"], ["fly", "x"], []])
def test_what_is_no_command_is_one_sentence(capsys, words):
    assert mistake(capsys, *words).endswith(" --help\n")


def test_rules_cannot_change_after_opening(audited, capsys):
    assert run("open", audited) == 0
    capsys.readouterr()
    path = audited / "study.yaml"
    path.write_text(path.read_text().replace("seed: 5", "seed: 6"))
    assert "changed since the study was opened" in mistake(capsys, "close", audited)
