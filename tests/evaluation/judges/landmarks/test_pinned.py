"""What is wanted of a package is unpacked once; a download that fails is one sentence and leaves nothing."""

import io
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from flowact.errors import UserError
from flowact.evaluation.judges.landmarks.panel import Panel
from flowact.evaluation.judges.landmarks.pinned import Package, fetch

TOY = Package("toy", "1.0", "0" * 64, "toy/models/", (".tflite",))
FILES = {
    "toy/models/a/one.tflite": b"1",
    "toy/models/notes.txt": b"-",
    "toy/models/../../out.tflite": b"-",
    "other/two.tflite": b"-",
}


def wheel(path: Path) -> None:
    with zipfile.ZipFile(path / "toy-1.0-py3-none-any.whl", "w") as file:
        for name, content in FILES.items():
            file.writestr(name, content)


def source(path: Path) -> None:
    with tarfile.open(path / "toy-1.0.tar.gz", "w:gz") as file:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("write", [wheel, source])
def test_wanted_files_are_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object
) -> None:
    asked: list[list[str]] = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        pin, folder = (Path(command[command.index(o) + 1]) for o in ("--requirement", "--dest"))
        assert pin.read_text() == f"toy==1.0 --hash=sha256:{'0' * 64}\n"
        folder.mkdir()
        write(folder)  # type: ignore[operator]
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    for _ in range(2):
        assert fetch(TOY, tmp_path / "cache") == tmp_path / "cache" / "toy"
    assert len(asked) == 1
    assert "--require-hashes" in asked[0] and "--no-deps" in asked[0]
    files = [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert [(p.relative_to(tmp_path / "cache").as_posix(), p.read_bytes()) for p in files] == [
        ("toy/a/one.tflite", b"1")
    ]


def test_two_processes_may_fetch_the_same_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "cache" / "toy" / "a" / "one.tflite"

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir()
        wheel(folder)
        other.parent.mkdir(parents=True)  # meanwhile the other process has got it
        other.write_bytes(b"1")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert fetch(TOY, tmp_path / "cache") == tmp_path / "cache" / "toy"
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [other]


def test_a_failed_download_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^pip cannot download flowact-none 1\.0: .+"):
        fetch(replace(TOY, name="flowact-none", options=("--no-index",)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_of_another_hash_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "toy-1.0-py3-none-any.whl", "w") as file:
        file.writestr("toy-1.0.dist-info/METADATA", "Name: toy")
    options = ("--no-index", "--find-links", str(tmp_path))
    with pytest.raises(UserError, match=r"^pip cannot download toy 1\.0: .*HASHES"):
        fetch(replace(TOY, options=options), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("reason", ["No module named pip", ""])
def test_a_missing_pip_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", f"python: {reason}\n" if reason else "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(UserError, match=reason or "no reason given"):
        fetch(TOY, tmp_path)


@pytest.mark.parametrize("missing", ["ai_edge_litert.interpreter", "dlib"])
def test_a_missing_extra_is_named_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("nothing to download"))
    if missing == "dlib":
        pytest.importorskip("ai_edge_litert")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match="extra `judge`"):
        Panel.load(tmp_path)
