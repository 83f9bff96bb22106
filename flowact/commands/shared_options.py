"""Options that several subcommands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowact.hardware.linear.switch import LINEAR_HELP


def add_label_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the option that hides the visible mark; the invisible one and the metadata always stay."""
    parser.add_argument(
        "--no-label",
        dest="label",
        action="store_false",
        help='do not write "AI-generated" into the picture; the invisible mark stays',
    )


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which weights run on how much of the machine."""
    parser.add_argument(
        "--checkpoint", metavar="DIR", type=Path, help="other weights than the default"
    )
    parser.add_argument(
        "--threads", metavar="N", type=int, help="processor threads to use (up to 4)"
    )
    parser.add_argument("--linear", metavar="FORMAT", default="auto", help=LINEAR_HELP)
    add_preset_arguments(parser)


def add_preset_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which sizes run on which devices."""
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help="sizes of the model: a name or a .yaml file; without --checkpoint random weights, which "
        "show its speed and nothing else",
    )
    parser.add_argument(
        "--devices",
        metavar="LIST",
        help="cpu, cuda:0, or several with commas between: the first runs the transformer, the last "
        "the decoder (the first GPU, or the processor)",
    )
