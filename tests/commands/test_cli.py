from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flowact import __version__
from flowact.cli import COMMANDS, main


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flowact", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def test_importing_the_package_imports_nothing_large() -> None:
    script = (
        "import sys, flowact, flowact.cli; print('torch' in sys.modules, 'gradio' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout.split() == ["False", "False"], result.stderr


def test_version_and_help_need_no_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    assert __version__ in printed
    assert all(name in printed for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert COMMANDS[name].summary[1:] in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["generate", "--nonsense"],
        ["generate", "--seed", "9" * 30],
        ["train", "nonsense"],
        ["train", "joint", "--steps", "many"],
    ],
)
def test_unusable_arguments_are_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("flowact: ")
    assert sentence.endswith(" --help.")


def test_a_package_that_is_missing_is_named() -> None:
    without = "import sys; sys.modules['yaml'] = None; from flowact.cli import main; sys.exit(main(['plan']))"
    result = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True)
    assert result.returncode == 2
    assert "needs the Python package yaml" in result.stderr


def test_an_error_of_the_user_is_one_sentence_without_a_traceback() -> None:
    result = run("plan", "--preset", "huge")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(
        "flowact: There is no preset 'huge'; known are default, large, medium."
    )
