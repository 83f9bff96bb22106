"""`flowact eval`: one command that measures a checkpoint and prints what it found."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flowact import assets
from flowact.errors import UserError

Section = dict[str, Any]
ABLATION_COLUMNS: Final = 130
ABLATED_CLIPS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact eval`."""
    from flowact.commands import eval_formats, eval_judge
    from flowact.commands.shared_options import add_machine_arguments

    _declare_materials(parser)
    _declare_sizes(parser)
    _declare_choices(parser)
    eval_judge.add_arguments(parser)
    eval_formats.add_arguments(parser)
    add_machine_arguments(parser)


def _declare_materials(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="held-out clips, made by `flowact synth`"
    )
    parser.add_argument(
        "--recordings",
        metavar="DIR",
        type=Path,
        help="real people's voices too, downloaded once from Debian into this folder",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, default=Path("eval"), help="report folder (%(default)s)"
    )


def _declare_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", metavar="N", type=int, help="use so many of either (all)")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="also measure drift over this long (with --data)"
    )
    parser.add_argument("--hours", type=float, default=0.0, help="the same, in hours")
    parser.add_argument(
        "--sessions",
        metavar="N",
        type=int,
        default=1,
        help="sessions of that length to average, each with the next person: "
        "one minute differs from the next by chance (%(default)d)",
    )
    parser.add_argument(
        "--fit-steps",
        metavar="N",
        type=int,
        default=6000,
        help="of the mouth reader; the sync network takes half (%(default)d)",
    )
    parser.add_argument(
        "--encode-steps",
        metavar="N",
        type=int,
        default=20,
        help="of fitting latents to a clip where the tokenizer is measured (%(default)d)",
    )
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=2, help="of every ablation (%(default)d)"
    )


def _declare_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--fit", action="store_true", help="only train the readers of mouth and sync on --data"
    )
    parser.add_argument(
        "--ablate", action="store_true", help="only measure what each part and setting is worth"
    )
    parser.add_argument(
        "--against",
        metavar="NAME=DIR",
        action="append",
        default=[],
        help="with --ablate, also a checkpoint or a run of another stage, as it is sampled and in 7 calls a chunk; "
        "may be repeated",
    )
    parser.add_argument(
        "--behaviours",
        action="store_true",
        help="only ask for every behaviour, and see whether it is recognised",
    )
    parser.add_argument(
        "--portraits",
        metavar="DIR",
        type=Path,
        nargs="?",
        const=assets.folder() / "evaluation" / "pictures",
        help="only let the pictures of a folder (four drawings) speak: do they stay themselves?",
    )


def run(args: argparse.Namespace) -> None:
    """Measure, print tables, write `report.json` and the pictures."""
    from flowact.commands import eval_formats
    from flowact.evaluation.report.report import plain, print_section

    args.minutes += 60 * args.hours
    _check(args)
    with _writing(args.out), _made(args.out):
        if args.ablate or args.formats:
            (ablate if args.ablate else eval_formats.measure)(args)
            return
        report = _chosen(args)
        (args.out / "report.json").write_text(json.dumps(plain(report), indent=2) + "\n")
    for name, numbers in report.items():
        print_section(name, numbers)
    print(args.out / "report.json")


def _check(args: argparse.Namespace) -> None:
    from flowact.commands import eval_formats, eval_judge

    eval_judge.check(args)
    eval_formats.check(args)
    if args.against and not args.ablate:
        raise UserError("--against belongs to --ablate.")
    if args.seeds < 1:
        raise UserError(f"--seeds must be 1 or more, not {args.seeds}.")
    if (
        not (args.ablate or args.behaviours or args.portraits or args.judge)
        and args.data is None
        and (args.recordings is None or args.fit or args.minutes)
    ):
        raise UserError(
            "Say what to measure on: --data DIR for clips of `flowact synth` "
            "(the only thing for --fit and --minutes), --recordings DIR for real voices."
        )
    if args.clips is not None and args.clips < 1:
        raise UserError(f"--clips must be 1 or more, not {args.clips}.")
    if args.fit_steps < 40:
        raise UserError(f"--fit-steps must be 40 or more, not {args.fit_steps}.")
    if args.sessions < 1:
        raise UserError(f"--sessions must be 1 or more, not {args.sessions}.")
    if args.sessions > 1 and not args.minutes:
        raise UserError("--sessions belongs to --minutes or --hours.")
    if args.encode_steps < 0:
        raise UserError(f"--encode-steps must be 0 or more, not {args.encode_steps}.")
    if args.minutes and not args.minutes >= 0.5:
        raise UserError(f"--minutes must be 0.5 or more, not {args.minutes:g}.")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"The report in {folder} cannot be written: {error.strerror or error}."
        ) from error


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder, and take it away again when the work is refused before anything is in it."""
    there = folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except UserError:
        if not there and not any(folder.iterdir()):
            folder.rmdir()
        raise


def _chosen(args: argparse.Namespace) -> dict[str, Section]:
    if args.fit:
        return _fit(args)
    if args.behaviours:
        return _behaviours(args)
    if args.judge:
        from flowact.evaluation.report.judged import judge

        return judge(args)
    from flowact.evaluation.report.sections import evaluate, portraits

    return portraits(args) if args.portraits else evaluate(args)


def _behaviours(args: argparse.Namespace) -> dict[str, Section]:
    from flowact.evaluation.measures.recognition import recognise
    from flowact.evaluation.measures.reconstruction import own_tokenizer
    from flowact.hardware.load_pipeline import load_pipeline

    pipeline = load_pipeline(
        args.checkpoint, args.threads, args.preset, args.devices, linear=args.linear
    ).pipeline
    found = recognise(pipeline.transformer, pipeline.scheduler.settings, own_tokenizer(pipeline))
    mean = sum(found.made.values()) / len(found.made)
    return {
        "behaviours": {
            **found.made, "recognised": mean, "transition_seconds": found.transition_seconds
        },
        "rendered_behaviours": dict(found.truth),
        "confusion": {"rows_asked": found.confusion.tolist()},
    }  # fmt: skip


def _fit(args: argparse.Namespace) -> dict[str, Section]:
    from flowact.evaluation.judges.train_readers import fit_readers

    return {"readers": dict(fit_readers(args.data, args.out / "readers", args.fit_steps))}


def ablate(args: argparse.Namespace) -> None:
    """Measure every variant, print one table and write `ablation.json`."""
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from flowact.evaluation.measures import ablation
    from flowact.evaluation.measures.reconstruction import own_tokenizer
    from flowact.evaluation.report.report import plain
    from flowact.hardware.linear.switch import NATIVE
    from flowact.hardware.load_pipeline import load_pipeline

    loaded = load_pipeline(args.checkpoint, args.threads, args.preset, args.devices, linear=NATIVE)
    pipeline = loaded.pipeline
    tokenizer, clips = own_tokenizer(pipeline), ablation.sentences(args.clips or ABLATED_CLIPS)
    chosen = list(ablation.variants(pipeline.transformer, pipeline.scheduler))
    for text in args.against:
        chosen += ablation.others(*_named(text), pipeline.transformer.dtype)
    found = {
        variant.name: ablation.measure_variant(variant, tokenizer, clips, args.seeds)
        for variant in track(chosen, "ablating", console=Console(stderr=True), transient=True)
    }
    table = Table("variant", *next(iter(found.values())), title=f"{len(clips)} sentences")
    for name, row in found.items():
        table.add_row(name, *map(str, row.values()))
    console = Console()
    console.width = max(console.width, ABLATION_COLUMNS)  # a narrower table cuts its numbers
    console.print(table)
    (args.out / "ablation.json").write_text(json.dumps(plain(ablation.plain(found)), indent=2))
    print(args.out / "ablation.json")


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not (name and equals and Path(folder).is_dir()):
        raise UserError(f"--against takes NAME=DIR with a folder that exists, not {text!r}.")
    return name, Path(folder)
