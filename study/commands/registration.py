"""`study register`: the text of a pre-registration. `study settings`: every key of study.yaml."""

from __future__ import annotations

import argparse
from pathlib import Path

from study.commands import prereg
from study.commands.output import Add, say
from study.design import builder, reference
from study.design.config import load
from study.files import atomic_write
from study.voting.context import CONFIG_NAME, STIMULI_NAME


def declare(add: Add) -> None:
    """Add both commands."""
    command = add("register", _register, "write a pre-registration with the hash of the rules")
    command.add_argument("--out", type=Path, help="default: FOLDER/prereg.md")
    add("settings", _settings, "print every key of study.yaml as Markdown", on_folder=False)


def _register(args: argparse.Namespace) -> None:
    config = load(args.folder / CONFIG_NAME)
    index = builder.read_index(args.folder / STIMULI_NAME)
    path = args.out or args.folder / "prereg.md"
    atomic_write(path, prereg.text(config, index).encode())
    say(f"{path} holds hypotheses, numbers and exclusions. Rules: {config.hash()}")


def _settings(_args: argparse.Namespace) -> None:
    say(reference.markdown().rstrip("\n"))
