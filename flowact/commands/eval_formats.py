"""`flowact eval --formats`: its option, its table, and the file that goes into a checkpoint."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from flowact import assets
from flowact.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the option of `flowact eval`."""
    parser.add_argument(
        "--formats",
        action="store_true",
        help="only compare the transformer's number formats with float32, in latents and lips",
    )


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured.

    Raises:
        UserError: there are no clips.
    """
    if args.formats and args.data is None:
        raise UserError("--formats needs --data DIR with held-out clips of `flowact synth`.")


def measure(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Measure every format, print the table and write `formats.json`."""
    from flowact.evaluation import number_formats
    from flowact.evaluation.judges.readers import load_readers
    from flowact.evaluation.subjects import held_out, speaking_clips
    from flowact.hardware.linear.offered import write_formats
    from flowact.hardware.linear.switch import NATIVE
    from flowact.hardware.load_pipeline import load_pipeline
    from flowact.pipeline import FlowActPipeline

    subjects = speaking_clips(held_out(args.data, args.clips))
    loaded = load_pipeline(args.checkpoint, args.threads, linear=NATIVE).pipeline
    exact = FlowActPipeline.from_pretrained(args.checkpoint)
    pipeline = FlowActPipeline(exact.transformer, loaded.tokenizer, exact.scheduler)
    costs = number_formats.measure_formats(
        pipeline, subjects, *load_readers(), assets.sample_speech()
    )
    table = Table(
        "format", *next(iter(number_formats.rows(costs).values())),
        title=f"{len(subjects)} clips",
    )  # fmt: skip
    for name, row in number_formats.rows(costs).items():
        table.add_row(name, *map(_text, row.values()))
    console = Console()
    console.width = max(console.width, 110)  # a narrower table cuts its numbers
    console.print(table)
    console.print(str(write_formats(args.out, costs)))
    return number_formats.rows(costs)


def _text(value: float | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:.4f}"
