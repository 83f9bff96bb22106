"""The command line of training: ``flowact train STAGE``."""

import argparse
from dataclasses import replace
from pathlib import Path

from flowact.training.loop import LoopSettings
from flowact.training.schedule import Schedule


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare one subcommand per stage."""
    stages = parser.add_subparsers(dest="stage", metavar="STAGE", required=True)
    tokenizer = stages.add_parser("tokenizer", help="train one view of the tokenizer")
    tokenizer.add_argument("--view", choices=("whole", "face"), required=True)
    add_loop_arguments(tokenizer, learning_rate=6e-4)
    tokenizer.add_argument("--batch", type=int, default=4, help="windows per step")
    tokenizer.set_defaults(start=_train_tokenizer)


def run(args: argparse.Namespace) -> None:
    """Train the chosen stage."""
    args.start(args)


def add_loop_arguments(parser: argparse.ArgumentParser, learning_rate: float) -> None:
    """Declare what every stage takes; read back by :func:`loop_settings`."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/ and heldout/ clips"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the run; an earlier run resumes"
    )
    parser.add_argument("--steps", type=int, help="stop at this step")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--decay-from", type=int, help="first step of the cosine decay")
    parser.add_argument("--decay-to", type=int, help="last step of the cosine decay")
    parser.add_argument("--evaluate-minutes", type=float, default=10.0)
    parser.add_argument("--save-minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)


def loop_settings(args: argparse.Namespace) -> LoopSettings:
    """The loop's settings out of parsed arguments."""
    schedule = Schedule(args.learning_rate, decay_from=args.decay_from, decay_to=args.decay_to)
    return LoopSettings(
        run=args.out,
        schedule=schedule,
        steps=args.steps,
        minutes=args.minutes,
        save_minutes=args.save_minutes,
        evaluate_minutes=args.evaluate_minutes,
    )


def _train_tokenizer(args: argparse.Namespace) -> None:
    from flowact.tokenizer.config import FACE_CONFIG, WHOLE_CONFIG
    from flowact.training.tokenizer import TokenizerSettings, train_tokenizer_view

    config = FACE_CONFIG if args.view == "face" else WHOLE_CONFIG
    settings = replace(TokenizerSettings(), batch=args.batch)
    train_tokenizer_view(config, args.data, loop_settings(args), settings, args.seed)
