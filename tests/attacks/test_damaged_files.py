"""Damaged files at all doors: the command line, the live page, the study. Each is used, or refused in one sentence.

`pytest -m long -s tests/attacks/test_damaged_files.py` sends three hundred through each and prints what came of them.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from flowact.cli import main as flowact
from flowact.live.access.tickets import Tickets
from flowact.live.access.uploads import MOST_FILES
from study.cli import main as study
from tests.attacks.conftest import KEY
from tests.attacks.test_attacks import PATIENCE, bearer, entering, is_a_sentence
from tests.mediafiles.damage import PICTURES, SOUNDS, VIDEOS, damaged_files, whole_files
from tests.mediafiles.sources import Clip
from tests.study.intake.test_import import study_of
from tests.tiny_assets import write_assets

HEARD = (*SOUNDS, *VIDEOS)
BRIEF = Clip(seconds=0.2, at=0.1, size=(64, 64))  # shorter than the sounds


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_files(tmp_path_factory.mktemp("whole"))


def files(quick: int):
    """So many files of the formats in turn, or as many as take minutes."""
    marks = [pytest.mark.long, pytest.mark.timeout(3600)]
    return pytest.mark.parametrize("number", [quick, pytest.param(300, marks=marks)])


@pytest.fixture
def tally(request):
    """Counts what came of the files; some are used and some are refused, so both ways are tried."""
    came = Counter()
    yield came
    sys.stdout.write(f"\n{request.node.name}: {came.total()} files, {dict(came)}\n")
    assert came["used"] and came["refused"]


@files(5)
@pytest.mark.parametrize("kind", ["audio", "reference"])
def test_generate(whole, number, tally, tmp_path, monkeypatch, capfd, kind):
    monkeypatch.setenv("FLOWACT_ASSETS", str(write_assets(tmp_path / "assets")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.wav").write_bytes(whole["wav"])
    for name, data in damaged_files(whole, HEARD if kind == "audio" else PICTURES, number):
        (tmp_path / name).write_bytes(data)
        given = ["--character", "mira", "--audio", name]
        if kind == "reference":
            given = ["--reference", name, "--audio", "in.wav"]
        code = flowact(["generate", *given, "--out", "out.mp4", "--threads", "1"])
        said = capfd.readouterr().err
        assert "Traceback" not in said
        if code:
            assert (code, said.count("\n")) == (2, 1), said
            assert said.startswith("flowact: ") and explains(said.removeprefix("flowact: "), name)
        tally["refused" if code else "used"] += 1


def explains(said: str, name: str) -> bool:
    """Whether a refusal is about the file, or about the face in a picture that could be read."""
    return said.startswith((f"{name} ", "The face in this picture "))


@files(40)
def test_uploads_of_recordings(server, whole, number, tally):
    sent = list(damaged_files(whole, HEARD, number))
    for start in range(0, number, MOST_FILES):
        visit = Tickets(KEY.encode()).issue("visit", f"attacker-{start}")
        with entering(server, visit) as attacker:
            for name, data in sent[start : start + MOST_FILES]:
                tally[uploaded(server, "sounds", name, data, attacker.resume)] += 1


@files(5)
def test_uploads_of_pictures(server, whole, number, tally):
    for count, (name, data) in enumerate(damaged_files(whole, PICTURES, number)):
        visit = Tickets(KEY.encode()).issue("visit", f"painter-{count}")
        tally[uploaded(server, "pictures?consent=true", name, data, visit)] += 1


def uploaded(server, path: str, name: str, data: bytes, token: str) -> str:
    headers = {**bearer(token), "x-filename": name}
    url = f"{server.address}v1/{path}"
    answer = httpx.post(url, content=data, headers=headers, timeout=PATIENCE)
    if answer.status_code == 201:
        return "used"
    said = answer.json()["error"]["message"]
    assert answer.status_code == 400 and is_a_sentence(said) and explains(said, name), said
    return "refused"


@files(40)
@pytest.mark.parametrize("column", ["file", "audio", "reference"])
def test_study_import(whole, number, tally, tmp_path: Path, capfd, column):
    study_of(tmp_path, {"ours": BRIEF, "other": BRIEF}, items=("1",))
    (tmp_path / "in.wav").write_bytes(whole["wav"])
    endings = {"file": tuple(VIDEOS), "audio": HEARD, "reference": PICTURES}[column]
    for name, data in damaged_files(whole, endings, number):
        (tmp_path / name).write_bytes(data)
        shared = {"audio": "", "reference": ""}
        ours = {"file": "ours/1-a.mp4", **shared, column: name}
        other = {"file": "other/1-a.mp4", **shared} | ({} if column == "file" else {column: name})
        table = ["system,item,file,audio,reference,licence"]
        table += [
            f"{n},1,{','.join(r.values())},CC0" for n, r in (("ours", ours), ("other", other))
        ]
        (tmp_path / "manifest.csv").write_text("\n".join(table) + "\n")
        with pytest.raises(SystemExit) as stopped:
            study(["import", str(tmp_path)])
        said = capfd.readouterr().err
        assert "Traceback" not in said
        refusals = [line for line in said.splitlines() if not line.startswith("study: warning: ")]
        if stopped.value.code:
            assert stopped.value.code == 2 and len(refusals) == 1, said
            assert refusals[0].startswith("study: ") and name in refusals[0]
        tally["refused" if stopped.value.code else "used"] += 1
