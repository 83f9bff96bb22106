"""`flowact demo`: the first character says the sample sentence."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from flowact import assets
from flowact.errors import UserError
from flowact.media import Recording, load_reference
from flowact.runtime.generate import add_machine_arguments, write_video


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact demo`."""
    parser.add_argument("--out", metavar="FILE.mp4", type=Path, default=Path("out/demo.mp4"))
    parser.set_defaults(action="speaking", seed=0)
    add_machine_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Generate the video and print where it is."""
    names = assets.character_names()
    if not names:
        raise UserError(f"There are no characters in {assets.folder()}.")
    recording = Recording.open(assets.sample_speech())
    picture = load_reference(assets.character(names[0]).portrait)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    console = Console()
    console.print(f"{names[0].capitalize()} says {recording.name} ...")
    write_video(picture, recording, args, console)
    console.print(f"Watch it: {args.out.resolve()}")
