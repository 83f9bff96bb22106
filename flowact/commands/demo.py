"""`flowact demo`: a character says the sample sentence."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from flowact import assets
from flowact.commands.generate import write_video
from flowact.commands.shared_options import add_label_argument, add_machine_arguments
from flowact.media import Recording
from flowact.portrait import load_reference
from mediafiles.errors import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact demo`."""
    parser.add_argument("--out", metavar="FILE.mp4", type=Path, default=Path("out/demo.mp4"))
    parser.set_defaults(action="speaking", seed=0)
    add_label_argument(parser)
    add_machine_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Generate the video and print where it is."""
    person = assets.default_character()
    recording = Recording.open(assets.sample_speech())
    args.out.parent.mkdir(parents=True, exist_ok=True)
    console = Console(markup=False, emoji=False)
    console.print(f"{person.name.capitalize()} says {recording.name} ...")
    write_video(load_reference(person.portrait), recording, args, console)
    console.print(printable(f"Watch it: {args.out.resolve()}"))
