"""The options of `flowact eval --judge`, and what they refuse."""

import argparse
from pathlib import Path
from typing import Final

from flowact import assets
from flowact.errors import UserError
from flowact.tokenizer.config import DRAWN_STEPS

_BELONGING: Final = {
    "pictures": None, "audio": None, "anchor": None, "seconds": None, "calibrate": False, "without": None,
    "harder": False,
}  # fmt: skip
"""Options that mean something with --judge only, and what they are when they are not given."""
DEFAULT_SECONDS: Final = 20.0
LONGEST: Final = 60
"""Seconds; the faces of two videos are kept in memory, 4 MB a second each."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the judge."""
    parser.add_argument(
        "--judge",
        metavar="DIR",
        type=Path,
        help="only let photographs speak and hands be shown, and have them judged by MediaPipe's landmarks and "
        "dlib's identity; networks, photographs and a reading are downloaded once into this folder",
    )
    parser.add_argument(
        "--pictures", metavar="DIR", type=Path, help="with --judge, pictures of one's own instead"
    )
    parser.add_argument(
        "--harder",
        action="store_true",
        help="with --judge, twelve selfies, figures outdoors and close-ups instead of the portraits",
    )
    parser.add_argument(
        "--audio",
        metavar="FILE",
        type=Path,
        help="with --judge, what they say instead of a reading",
    )
    parser.add_argument(
        "--anchor",
        metavar="NAME",
        help=f"with --judge, the character to compare with ({assets.DEFAULT})",
    )
    parser.add_argument(
        "--seconds", metavar="N", type=float, help="with --judge, how much of it is said (20)"
    )
    parser.add_argument(
        "--without",
        metavar="STEPS",
        help="with --judge, leave out what these settings of the tokenizer draw: "
        + ", ".join(DRAWN_STEPS),
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="with --judge, only say what the judges make of the photographs themselves",
    )


def check(args: argparse.Namespace) -> None:
    """Refuse what does not go together, and fill in what was not given."""
    given = [name for name, absent in _BELONGING.items() if getattr(args, name) != absent]
    if args.judge is None and given:
        raise UserError(f"--{given[0]} belongs to --judge.")
    if args.judge is not None and _others(args):
        raise UserError(
            "--judge stands alone: measure clips, recordings and the rest in another call."
        )
    args.without = _steps(args.without)
    args.seconds = DEFAULT_SECONDS if args.seconds is None else args.seconds
    if not 1 <= args.seconds <= LONGEST:
        raise UserError(f"--seconds must be from 1 to {LONGEST}, not {args.seconds:g}.")


def _steps(given: str | None) -> list[str]:
    """Names of drawn steps with commas between. Raises UserError for one that is none."""
    steps = [] if given is None else given.split(",")
    for step in steps:
        if step not in DRAWN_STEPS:
            raise UserError(
                f"--without takes names of {', '.join(DRAWN_STEPS)}, with commas, not {step!r}."
            )
    return steps


def _others(args: argparse.Namespace) -> bool:
    return bool(
        args.data or args.recordings or args.fit or args.ablate or args.behaviours or args.portraits
    )
