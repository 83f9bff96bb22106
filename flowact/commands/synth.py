"""`flowact synth`: render training clips from seeds."""

import argparse
import os
from pathlib import Path
from typing import Final

from flowact.datagen.dataset import ClipPlan, render_dataset
from flowact.datagen.performance.performance import TRAINING_VOICES
from flowact.datagen.photographic.sources.download import ensure
from flowact.datagen.voice.speech import HELD_OUT_VOICE, check_voices
from flowact.errors import UserError
from flowact.timebase import FPS, FRAMES_PER_LATENT

PHOTOGRAPHIC: Final = 0.85
"""Share of photographic clips where textures are at hand: what was measured to help on photographs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `flowact synth`."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--clips", type=int, default=200, help="training clips (default 200)")
    parser.add_argument("--heldout", type=int, default=24, help="held-out clips (default 24)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a clip (default 8)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default 0)")
    parser.add_argument(
        "--assets",
        type=Path,
        metavar="DIR",
        help="folder of photographic textures (CC0); filled from npm if it is new",
    )
    parser.add_argument(
        "--photographic",
        type=float,
        metavar="SHARE",
        help=f"share of the clips that use them (default {PHOTOGRAPHIC}; needs --assets)",
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")


def run(args: argparse.Namespace) -> None:
    """Render the data set that the arguments describe."""
    step = FRAMES_PER_LATENT / FPS
    if args.seconds < step or args.clips < 0 or args.heldout < 0 or args.workers < 1:
        raise UserError(
            "synth needs --workers of at least 1, no negative count and --seconds of at least "
            f"{step:.2f}; got {args.workers}, {args.clips} and {args.heldout}, {args.seconds}."
        )
    share = _photographic_share(args)
    check_voices({*TRAINING_VOICES, HELD_OUT_VOICE})
    textures = ensure(args.assets.resolve()) if args.assets else None
    seeds = range(args.first, args.first + max(args.clips, args.heldout))
    plans = [
        ClipPlan(split, seed, args.seconds, textures, share)
        for split, number in (("heldout", args.heldout), ("train", args.clips))
        for seed in seeds[:number]
    ]
    paths = render_dataset(args.out, plans, args.workers)
    if len(paths) < len(plans):
        raise UserError(
            f"{len(plans) - len(paths)} of {len(plans)} clips failed, see above; "
            f"the others are in {args.out}, and the same command tries the rest again."
        )
    print(f"{len(paths)} clips are in {args.out}")  # noqa: T201 - the result


def _photographic_share(args: argparse.Namespace) -> float:
    if args.photographic is None:
        return PHOTOGRAPHIC
    if args.assets is None:
        raise UserError("--photographic needs the textures of --assets.")
    if not 0 <= args.photographic <= 1:
        raise UserError(f"--photographic is a share from 0 to 1; got {args.photographic}.")
    return float(args.photographic)
