"""The log of a study's process: plain lines for people, JSON lines for collectors.

Lines name routes, codes and states, never participants: no token, no address, no answer.
"""

from __future__ import annotations

import argparse
import logging

LEVELS = ("debug", "info", "warning", "error")
PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"
JSON_NAMES = {"asctime": "time", "levelname": "level", "name": "logger"}


def add_arguments(parser: argparse.ArgumentParser, level: str) -> None:
    """Declare the options that every command has; `level` is the default."""
    parser.add_argument(
        "--log-level",
        choices=LEVELS,
        default=level,
        help=f"least severity logged, default: {level}",
    )
    parser.add_argument("--log-json", action="store_true", help="log JSON, one object a line")


def configure(level: str, json: bool) -> None:
    """Send the log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_json_formatter() if json else logging.Formatter(PLAIN))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("study").setLevel(level.upper())


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter(FIELDS, rename_fields=JSON_NAMES)
