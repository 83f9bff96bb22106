"""`flowact generate`: a recording and a person in, a talking video out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from flowact import assets
from flowact.conditioning.actions import resolve
from flowact.media import Recording, load_reference
from flowact.media.audio import DEFAULT_MAX_MINUTES
from flowact.media.video import check_target

EXPERIMENTAL = (
    "This picture is not one of FlowAct's characters: it is centred and cropped, and people "
    "outside the training domain are experimental."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact generate`."""
    person = parser.add_mutually_exclusive_group(required=True)
    person.add_argument(
        "--character", metavar="NAME", help="one of the people in assets/characters"
    )
    person.add_argument("--reference", metavar="IMAGE", type=Path, help="a picture of a person")
    parser.add_argument("--audio", metavar="FILE", type=Path, required=True, help="what is said")
    parser.add_argument(
        "--out", metavar="FILE.mp4", type=Path, required=True, help="video to write"
    )
    parser.add_argument(
        "--action", default="speaking", help='in words: "smile", "wave" (%(default)s)'
    )
    parser.add_argument("--seed", type=int, default=0, help="equal seeds give equal videos")
    parser.add_argument(
        "--max-minutes",
        type=float,
        default=DEFAULT_MAX_MINUTES,
        help="refuse longer recordings (%(default)g)",
    )
    add_machine_arguments(parser)


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which weights run on how much of the machine."""
    parser.add_argument(
        "--checkpoint", metavar="DIR", type=Path, help="other weights than the default"
    )
    parser.add_argument(
        "--threads", metavar="N", type=int, help="processor threads to use (up to 4)"
    )


def run(args: argparse.Namespace) -> None:
    """Check everything that was given, then load the model and write the video."""
    console = Console(stderr=True)
    reference = _picture(args, console)
    recording = Recording.open(args.audio, args.max_minutes)
    check_target(args.out)
    write_video(reference, recording, args, console)


def write_video(
    reference: NDArray[np.uint8], recording: Recording, args: argparse.Namespace, console: Console
) -> None:
    """Generate with a progress bar and say what came of it.

    Args:
        reference: uint8 `[480, 480, 3]`.
        recording: what is said.
        args: `out`, `action`, `seed`, `checkpoint` and `threads`.
        console: where to talk to the user.
    """
    from flowact.runtime.load import load_pipeline

    action = resolve(args.action)
    if not action.exact:
        console.print(action.message)
    loaded = load_pipeline(args.checkpoint, args.threads)
    start = time.perf_counter()
    with _progress(console) as progress:
        bar = progress.add_task(args.out.name, total=recording.video_frames)
        loaded.pipeline.generate(
            recording,
            args.out,
            reference=reference,
            action=action.matched_phrase,
            seed=args.seed,
            concurrent=loaded.threads.concurrent,
            on_frame=lambda _frame: progress.advance(bar),
        )
    taken = time.perf_counter() - start
    console.print(
        f"{args.out}: {recording.seconds:.1f} s of video in {taken:.1f} s, "
        f"{recording.seconds / taken:.2f} times real time, {loaded.precision.dtype}."
    )


def _picture(args: argparse.Namespace, console: Console) -> NDArray[np.uint8]:
    if args.character is not None:
        return load_reference(assets.character(args.character).portrait)
    picture = load_reference(args.reference)
    console.print(EXPERIMENTAL)
    return picture


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
