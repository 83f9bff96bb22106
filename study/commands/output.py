"""How a subcommand speaks and how it is declared."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import Protocol

from mediafiles.errors import printable


class Add(Protocol):
    """Declares a command, which takes the study's folder unless `on_folder` is false."""

    def __call__(
        self,
        name: str,
        run: Callable[[argparse.Namespace], object],
        text: str,
        on_folder: bool = True,
    ) -> argparse.ArgumentParser:
        """The command's own parser."""


def say(text: str) -> None:
    """A line for the operator, with escapes for what the terminal's own encoding does not have."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()  # `serve` goes on for days, perhaps into a file


def warn(sentences: Iterable[str]) -> None:
    """Lines that must not be missed, on standard error."""
    for sentence in sentences:
        sys.stderr.write(f"study: warning: {printable(sentence)}\n")


def positive(text: str) -> int:
    """An option's whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number
