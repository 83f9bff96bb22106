"""Logging of FlowAct's own processes: plain lines for people, JSON lines for collectors.

Lines name sessions and processes, never people: no text that was said, no address, no file name of a visitor.
"""

from __future__ import annotations

import argparse
import logging
import traceback
from dataclasses import dataclass
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")
_PLAIN: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_FIELDS: Final = "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"


@dataclass(frozen=True)
class LogSettings:
    """What a process writes to its standard error.

    Attributes:
        level: least severity, one of `LEVELS`.
        json: one JSON object a line instead of plain text.
    """

    level: str = "warning"
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that every command has."""
    parser.add_argument("--log-level", choices=LEVELS, help="least severity that is logged")
    parser.add_argument(
        "--log-json", action="store_const", const="yes", help="log JSON, one object a line"
    )


def configure(settings: LogSettings) -> None:
    """Send the log of this process to standard error; called again, it replaces what was set."""
    handler = logging.StreamHandler()
    handler.setFormatter(_json_formatter() if settings.json else logging.Formatter(_PLAIN))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for package in ("flowact", "study"):
        logging.getLogger(package).setLevel(settings.level.upper())


def raised_at(error: BaseException) -> str:
    """Return where an error was raised, for errors whose words may repeat what a visitor wrote."""
    last = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        last = f"{frame.f_globals.get('__name__')}:{line}"
    return f"{type(error).__name__} at {last}"


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    names = {"asctime": "time", "levelname": "level", "name": "logger", "process": "pid"}
    return JsonFormatter(_FIELDS, rename_fields=names)
