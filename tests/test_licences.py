"""Every data file has a row in LICENSES.md, and every row has files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "LICENSES.md").read_text()
WITHOUT_FILES = {"**/py.typed"}
"""A row for what a package may hold."""


def globs() -> list[str]:
    """The first column of the first table."""
    table = TEXT.partition("## In the repository")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def data_files() -> list[str]:
    """Every file of the assets and of the packages that is no Python."""
    homes = (ROOT / name for name in ("assets", "flowact", "mediafiles", "study"))
    found = (path for home in homes for path in home.rglob("*") if path.is_file())
    relative = (path.relative_to(ROOT).as_posix() for path in found)
    return sorted(name for name in relative if not re.search(r"\.pyc?$|\.nb[ic]$|/\.", name))


def covers(glob: str, name: str) -> bool:
    """`**` at the end means everything below, `**/` at the beginning any folder."""
    if glob.endswith("/**"):
        return name.startswith(glob[:-2])
    if glob.startswith("**/"):
        return PurePosixPath(name).name == glob[3:]
    return PurePosixPath(name).parent == PurePosixPath(glob).parent and PurePosixPath(name).match(
        glob
    )


def test_every_data_file_has_a_row() -> None:
    rows = globs()
    assert len(rows) > 10
    assert [name for name in data_files() if not any(covers(row, name) for row in rows)] == []


def test_every_row_has_files() -> None:
    names = data_files()
    empty = {row for row in globs() if not any(covers(row, name) for name in names)}
    assert empty <= WITHOUT_FILES


def test_the_command_lists_the_licences_of_packages() -> None:
    script = re.search(r"<<'END'\n(.*?)\nEND\n", TEXT, re.DOTALL)
    assert script
    told = subprocess.run(
        [sys.executable, "-c", script.group(1)], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"^numpy  \S+  \S+", told, re.MULTILINE)
    assert re.search(r"^diffusers  \S+  Apache", told, re.MULTILINE)
