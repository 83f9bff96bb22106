"""`flowact eval`: one command that measures a checkpoint and prints what it found."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowact.errors import UserError

if TYPE_CHECKING:
    from flowact.evaluation.measure import Drift

DESCRIPTION = "measure lip-sync, silence, picture quality and drift on held-out clips"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact eval`."""
    from flowact.runtime.generate import add_machine_arguments

    parser.add_argument("--data", type=Path, required=True, help="data set made by `flowact synth`")
    parser.add_argument(
        "--out", type=Path, default=Path("eval"), help="folder of the report (%(default)s)"
    )
    parser.add_argument("--clips", type=int, help="held-out clips to use (all)")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="also measure drift over this long"
    )
    parser.add_argument("--fit", action="store_true", help="train the readers first, and only that")
    parser.add_argument(
        "--fit-minutes", type=float, default=5.0, help="for each reader (%(default)g)"
    )
    add_machine_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Measure, print a table, write `report.json` and the pictures."""
    if args.fit:
        from flowact.evaluation.fit import fit_readers

        _print("readers", fit_readers(args.data, args.out / "readers", args.fit_minutes))
        return
    if args.minutes < 0 or (args.clips is not None and args.clips < 1):
        raise UserError(
            f"--clips must be 1 or more and --minutes not negative; got {args.clips}, {args.minutes}."
        )
    report = evaluate(args)
    for name, numbers in report.items():
        _print(name, numbers)
    print(f"{args.out / 'report.json'}")


def evaluate(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """All measurements of the arguments, by section; written to the report folder too."""
    from flowact.evaluation.measure import (
        lip_sync_report,
        measure_drift,
        own_tokenizer,
        takes,
        tokenizer_report,
    )
    from flowact.evaluation.readers import load_readers
    from flowact.evaluation.sheets import contact_sheet
    from flowact.evaluation.subjects import held_out, load_subject
    from flowact.runtime.load import load_pipeline

    paths = held_out(args.data, args.clips)
    reader, sync = load_readers()
    pipeline = load_pipeline(args.checkpoint, args.threads).pipeline
    subjects = [load_subject(path) for path in paths]
    args.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, dict[str, Any]] = {
        "tokenizer": dict(tokenizer_report(own_tokenizer(pipeline), paths)),
        "lip_sync": dict(lip_sync_report(list(takes(pipeline, reader, subjects)), reader, sync)),
    }
    contact_sheet(pipeline, subjects[:6], args.out / "contact_sheet.jpg")
    if args.minutes:
        report["drift"] = _drift(measure_drift(pipeline, subjects, args.minutes), args.out)
    (args.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def _drift(drift: "Drift", out: Path) -> dict[str, float]:
    from flowact.evaluation.sheets import plot_drift

    plot_drift(drift, out / "drift.png")
    curves = {name: values.tolist() for name, values in asdict(drift).items()}
    (out / "drift.json").write_text(json.dumps(curves) + "\n")
    names = ("identity", "colour", "sharpness", "motion")
    return {f"{name}_last_minute_over_first": drift.growth(name) for name in names}


def _print(title: str, numbers: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    table.add_column("measure")
    table.add_column("value", justify="right")
    for name, value in numbers.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)
