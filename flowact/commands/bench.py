"""`flowact bench`: of the pipeline, with `--live` of the live page in a browser, with `--gpu` of a GPU.

The last one needs neither the page nor codecs for media: a rented machine is ready as soon as PyTorch,
diffusers and this package's core are.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from flowact import assets
from flowact.commands.shared_options import add_machine_arguments
from flowact.errors import UserError

if TYPE_CHECKING:
    from flowact.bench.gpu.report import Row, SectionReport
    from flowact.bench.measures import Figure
    from flowact.bench.pipeline import Benchmark
    from flowact.bench.server import ServerProcess

CLICKS: Final = 10
CUT_SECONDS: Final = 5.0
SETTLING_SECONDS: Final = 20.0
"""After the recorder is full, before a soak first looks at the memory."""
MOST_MICROPHONE_SECONDS: Final = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact bench`."""
    parser.add_argument("--audio", metavar="FILE", type=Path, help="speech (the sample sentence)")
    parser.add_argument("--character", metavar="NAME", help="whom to generate (elena)")
    parser.add_argument("--seconds", type=float, default=30.0, help="video to make (%(default)g)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the numbers here")
    add_machine_arguments(parser)
    parser.add_argument(
        "--live",
        action="store_true",
        help="measure the live page in Chromium instead, with --seconds of speech",
    )
    parser.add_argument(
        "--soak",
        metavar="MINUTES",
        type=float,
        help="of the live page, only watch the memory, for so long",
    )
    parser.add_argument(
        "--gpu",
        metavar="OUT.json",
        type=Path,
        help="measure a GPU in at most nine minutes: products, streams, decoders, transformers of the "
        "large presets with random weights; on a processor a dry run",
    )


def run(args: argparse.Namespace) -> None:
    """Measure what was asked for, print a table and, if asked, write JSON.

    Raises:
        UserError: there is nothing to measure, or no end of it.
    """
    if args.soak is not None and not (args.live and args.soak > 0):
        raise UserError("--soak takes a number of minutes above 0 and needs --live.")
    if not 0 < args.seconds < math.inf:
        raise UserError(f"--seconds must be a number above 0, not {args.seconds:g}.")
    if args.gpu is not None:
        _bench_gpu(args)
        return
    numbers = _bench_live(args) if args.live else _bench_pipeline(args)
    if args.json is not None:
        _write_json(args.json, numbers)


def _bench_gpu(args: argparse.Namespace) -> None:
    """Run all sections; the file is complete after each number, whatever happens later."""
    import torch

    from flowact.bench.gpu.report import GpuReport, describe_machine
    from flowact.bench.gpu.run import run_sections
    from flowact.bench.gpu.sections import SECTIONS, choose_subject

    console = Console()
    subject = choose_subject(args.preset, args.devices, args.seconds)
    if subject.quick:
        console.print(
            "A dry run on the processor: it shows that every section works, and no speed."
        )
    report = GpuReport(args.gpu, {**describe_machine(subject.device), "dry_run": subject.quick})
    report.write()

    def told(section: str, row: Row) -> None:
        console.print(_line(section, row), markup=False, soft_wrap=True)

    with torch.no_grad():
        run_sections(SECTIONS, subject, report, told)
    console.print(_sections_table(report.sections))
    console.print(f"{args.gpu}: {sum(len(s.rows) for s in report.sections)} numbers.")


def _line(section: str, row: Row) -> str:
    value = "-" if row.value is None else f"{row.value:g} {row.unit}"
    expected = "" if row.predicted is None else f" (predicted {row.predicted:g})"
    note = f" [{row.note}]" if row.note else ""
    return f"  {section}: {row.what}: {value}{expected}{note}"


def _sections_table(sections: list[SectionReport]) -> Table:
    table = Table(title="Sections")
    for column in ("section", "state", "seconds", "numbers", "why"):
        table.add_column(column)
    for part in sections:
        table.add_row(part.name, part.state, f"{part.seconds:g}", str(len(part.rows)), part.why)
    return table


def _bench_pipeline(args: argparse.Namespace) -> object:
    from flowact.bench import pipeline
    from flowact.hardware.load_pipeline import load_pipeline
    from flowact.media import Recording
    from flowact.portrait import load_reference

    person = assets.character(args.character) if args.character else assets.default_character()
    speech = Recording.open(args.audio or assets.sample_speech())
    loaded = load_pipeline(
        args.checkpoint, args.threads, args.preset, args.devices, linear=args.linear
    )
    picture = load_reference(person.portrait)
    benchmark = pipeline.measure(loaded, picture, speech.repeated(args.seconds))
    _print_benchmark(benchmark, Console())
    return asdict(benchmark)


def _bench_live(args: argparse.Namespace) -> object:
    figures: list[Figure] = []
    console = Console()
    console.print(f"Measuring for some minutes; {_load()}.")
    with tempfile.TemporaryDirectory(prefix="flowact-bench-") as folder:
        for figure in _measured(args, Path(folder)):
            figures.append(figure)
            console.print(f"  {figure.what}: {figure.value}", markup=False, soft_wrap=True)
    console.print(_figures_table(figures))
    console.print(f"At the end, {_load()}.")
    return [asdict(figure) for figure in figures]


def _measured(args: argparse.Namespace, folder: Path) -> Iterator[Figure]:
    from flowact.bench import measures
    from flowact.bench.chromium import chromium
    from flowact.bench.conversation import conversation
    from flowact.bench.server import serving
    from flowact.live.session.recorder import MINUTES
    from flowact.media import Recording

    settled = 60.0 * MINUTES + SETTLING_SECONDS
    speech = Recording.open(args.audio or assets.sample_speech())
    long = measures.write_recording(folder / "speech.wav", speech.repeated(args.seconds))
    heard = speech.repeated(min(args.seconds, MOST_MICROPHONE_SECONDS))
    microphone = measures.write_recording(folder / "microphone.wav", heard)
    with serving(*_flags(args)) as server, chromium(microphone) as browser:
        if args.soak is not None:
            yield from measures.memory(browser, server, 60 * args.soak, settled)
        else:
            yield from _all(browser, server, long, args.seconds)
    if args.soak is None:
        yield from conversation(folder, speech, _flags(args), CLICKS // 2)


def _all(browser: Any, server: ServerProcess, recording: Path, seconds: float) -> Iterator[Figure]:
    from flowact.bench import measures

    yield from measures.first_frame(browser, server, CLICKS)
    yield from measures.speech(browser, server, recording, seconds)
    yield from measures.typed(browser, server, CLICKS // 2)
    yield from measures.puppet(browser, server, seconds / 2)
    yield from measures.interruption(browser, server, CLICKS)
    yield from measures.several(browser, server, seconds / 2)
    yield from measures.cut_network(browser, server, CUT_SECONDS)
    yield from measures.memory(browser, server, seconds)
    yield from measures.killed_worker(browser, server)


def _flags(args: argparse.Namespace) -> list[str]:
    given = {
        "--checkpoint": args.checkpoint,
        "--threads": args.threads,
        "--preset": args.preset,
        "--devices": args.devices,
    }
    return [str(word) for flag, value in given.items() if value for word in (flag, value)]


def _load() -> str:
    recent, _, _ = os.getloadavg()
    return f"the load of this machine is {recent:.1f} on {os.cpu_count()} processors"


def _figures_table(figures: list[Figure]) -> Table:
    table = Table(title="The live page, over loopback, in Chromium")
    for column in ("what", "should be", "is", ""):
        table.add_column(column)
    for figure in figures:
        table.add_row(figure.what, figure.bar, figure.value, "ok" if figure.good else "NO")
    return table


def _print_benchmark(benchmark: Benchmark, console: Console) -> None:
    table = Table(title="Milliseconds per chunk of 12 frames (0.48 s)")
    table.add_column("stage")
    for column in ("p50", "p95", "runs"):
        table.add_column(column, justify="right")
    for stage in benchmark.stages:
        table.add_row(stage.name, f"{stage.p50_ms:.1f}", f"{stage.p95_ms:.1f}", str(stage.runs))
    console.print(table)
    side = "side by side" if benchmark.concurrent else "one after the other"
    console.print(
        f"{benchmark.frames_per_second:.1f} frames per second, "
        f"{benchmark.real_time_factor:.2f} times real time; "
        f"first frame after {benchmark.first_frame_ms:.0f} ms; "
        f"peak memory {benchmark.peak_rss_mb:.0f} MB "
        f"({benchmark.rss_first_minute_mb:.0f} MB in the first minute of video, "
        f"{benchmark.rss_last_minute_mb:.0f} MB in the last)\n"
        f"{benchmark.threads} thread(s), transformer and decoder {side}; "
        f"{benchmark.dtype} ({benchmark.dtype_reason}), decoder {benchmark.decoder}; "
        f"{benchmark.parameters / 1e6:.1f} M parameters"
    )


def _write_json(path: Path, numbers: object) -> None:
    """Write what was measured as JSON.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(numbers, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
