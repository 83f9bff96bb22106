"""The `flowact` command: imports the one subcommand asked for, says errors in one sentence."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final, NamedTuple, NoReturn, Protocol, cast

from flowact import __version__
from flowact.argument_parser import ShortErrorParser
from flowact.errors import UserError

USER_ERROR: Final = 2
INTERRUPTED: Final = 128 + signal.SIGINT
TERMINATED: Final = 128 + signal.SIGTERM


class CommandModule(Protocol):
    """What the module of a subcommand offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""

    def run(self, args: argparse.Namespace) -> None:
        """Do the work; raises `UserError` for what the user can put right."""


class Command(NamedTuple):
    """Where a subcommand lives and what it is for."""

    module: str
    summary: str


COMMANDS: Final = {
    "demo": Command("flowact.commands.demo", "let a character say a sentence, with no options"),
    "generate": Command(
        "flowact.commands.generate", "make a video of a character from a recording"
    ),
    "bench": Command("flowact.commands.bench", "measure speed, delay and memory on this machine"),
    "eval": Command("flowact.commands.eval", "measure lip-sync, drift, silence and quality"),
    "sheet": Command(
        "flowact.commands.inspect_borders", "draw frames around chunk borders of a video"
    ),
    "train": Command("flowact.commands.train", "train the tokenizer and the transformer"),
    "synth": Command("flowact.commands.synth", "render the training data"),
    "verify": Command("flowact.commands.verify", "look for FlowAct's mark in a picture or video"),
    "plan": Command("flowact.commands.plan", "predict the speed of a preset on a GPU"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 with one sentence on stderr."""
    signal.signal(signal.SIGTERM, _terminate)
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except UserError as error:
        print(f"flowact: {error}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        told = f"{error.filename}: " if error.filename else ""
        print(f"flowact: {told}{error.strerror or error}.", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    chosen = next((word for word in arguments if not word.startswith("-")), "")
    command = _import(chosen) if chosen in COMMANDS else None
    args = _parser(chosen, command).parse_args(arguments)
    if command is not None:
        command.run(args)
    return 0


def _import(name: str) -> CommandModule:
    """Import one subcommand; the others and what they need are not touched."""
    try:
        return cast(CommandModule, importlib.import_module(COMMANDS[name].module))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("flowact"):
            raise
        raise UserError(
            f"flowact {name} needs the Python package {error.name}, which is not installed; "
            "`make test` installs everything."
        ) from error


def _parser(chosen: str, command: CommandModule | None) -> argparse.ArgumentParser:
    parser = ShortErrorParser("flowact", description="Talking avatars, generated live.")
    parser.add_argument("--version", action="version", version=f"flowact {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (_, summary) in COMMANDS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}."
        subparser = commands.add_parser(name, help=summary, description=sentence)
        if name == chosen and command is not None:
            command.add_arguments(subparser)
    return parser


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Leave through the `finally` blocks, so that nothing half-written stays behind."""
    sys.exit(TERMINATED)
