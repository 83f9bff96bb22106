from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowact.cli import COMMANDS

from .conftest import ROOT, write_speech

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_every_command() -> None:
    named = re.findall(r"^\| `flowact ([\w-]+)`", README, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == set(COMMANDS)


def test_the_readmes_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    write_speech(tmp_path / "my_voice.wav", 0.4)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[-1] == "9 0.36 (480, 480, 3)"
