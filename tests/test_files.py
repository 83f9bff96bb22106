"""Whole files or none."""

import subprocess
import sys
from pathlib import Path

import pytest

from flowact.files import atomic_write


def test_a_file_or_folder_replaces_the_one_before(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with atomic_write(tmp_path / "deep" / "file") as path:
            path.write_text(text)
        with atomic_write(tmp_path / "folder") as path:
            path.mkdir()
            (path / text).touch()
    assert (tmp_path / "deep" / "file").read_text() == "new"
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["new"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_mistake_leaves_the_file_before_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(KeyError), atomic_write(tmp_path / "file") as path:
        path.write_text("half")
        raise KeyError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


WRITERS = {
    "bytes": "path.write_bytes(bytes(10_000))",
    "safetensors": "save_file({'x': torch.zeros(10_000)}, path)",
    "torch": "torch.save(torch.zeros(10_000), path)",
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_a_full_disk_is_said_and_leaves_nothing(writer: str, tmp_path: Path) -> None:
    """The limit on a file's size is met in the middle of the file, as the end of a disk is."""
    program = f"""
import resource, sys, torch
from pathlib import Path
from safetensors.torch import save_file
from flowact.errors import UserError
from flowact.files import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with atomic_write(Path("file")) as path:
        {writer}
except UserError as error:
    sys.exit(f"said: {{error}}")
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.startswith("said: file cannot be written"), done.stderr
    assert not list(tmp_path.iterdir())
