"""The `flowact` command: imports the one subcommand asked for, says errors in one sentence."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final, NamedTuple, NoReturn, Protocol, cast

from flowact import __version__, logs
from flowact.argument_parser import ShortErrorParser
from flowact.errors import UserError
from flowact.logs import LogSettings
from mediafiles.errors import printable

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
    """Where a subcommand lives, what it is for, and the extra that brings the packages it needs."""

    module: str
    summary: str
    extra: str = ""


COMMANDS: Final = {
    "live": Command("flowact.commands.live", "serve the live page"),
    "serve": Command(
        "flowact.commands.fleet.serve", "serve the live page on many machines", "fleet"
    ),
    "demo": Command("flowact.commands.demo", "let a character say a sentence, with no options"),
    "generate": Command(
        "flowact.commands.generate", "make a video of a character from a recording"
    ),
    "bench": Command(
        "flowact.commands.bench", "measure speed, delay and memory on this machine", "test"
    ),
    "eval": Command(
        "flowact.commands.eval", "measure lip-sync, drift, silence and quality", "train"
    ),
    "inspect-borders": Command(
        "flowact.commands.inspect_borders", "draw frames around chunk borders of a video", "train"
    ),
    "synth": Command("flowact.commands.synth", "render the training data", "train"),
    "train": Command("flowact.commands.train", "train the tokenizer and the transformer", "train"),
    "verify": Command("flowact.commands.verify", "look for FlowAct's mark in a picture or video"),
    "plan": Command("flowact.commands.plan", "predict the speed of a preset on a GPU"),
    "plan-actions": Command(
        "flowact.commands.planner.plan_actions", "ask the model that plans actions, or score it"
    ),
}
ALIASES: Final = {"sheet": "inspect-borders"}
"""Names of releases before 0.2."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, or 2 with one sentence on stderr."""
    signal.signal(signal.SIGTERM, _terminate)
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(arguments)
    except UserError as error:
        print(f"flowact: {printable(str(error))}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        told = printable(f"{error.filename}: ") if error.filename else ""
        print(f"flowact: {told}{error.strerror or error}.", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    word = next((word for word in arguments if not word.startswith("-")), "")
    chosen = ALIASES.get(word, word)
    command = _import(chosen) if chosen in COMMANDS else None
    args = _parser(chosen, command).parse_args(arguments)
    if command is not None:
        logs.configure(LogSettings(args.log_level or LogSettings.level, bool(args.log_json)))
        command.run(args)
    return 0


def _import(name: str) -> CommandModule:
    """Import one subcommand; the others and what they need are not touched."""
    try:
        return cast(CommandModule, importlib.import_module(COMMANDS[name].module))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("flowact"):
            raise
        extra = COMMANDS[name].extra
        cure = f"pip install 'flowact[{extra}]' brings it" if extra else "install FlowAct again"
        raise UserError(
            f"flowact {name} needs the Python package {error.name}, which is not installed; {cure}."
        ) from error


def _parser(chosen: str, command: CommandModule | None) -> argparse.ArgumentParser:
    parser = ShortErrorParser("flowact", description="Talking avatars, generated live.")
    parser.add_argument("--version", action="version", version=f"flowact {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (_, summary, _) in COMMANDS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}."
        aliases = [old for old, new in ALIASES.items() if new == name]
        subparser = commands.add_parser(name, aliases=aliases, help=summary, description=sentence)
        if name == chosen and command is not None:
            command.add_arguments(subparser)
            logs.add_arguments(subparser)
    return parser


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Leave through the `finally` blocks, so that nothing half-written stays behind."""
    sys.exit(TERMINATED)
