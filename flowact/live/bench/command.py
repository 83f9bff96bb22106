"""`flowact bench`: of the pipeline, or with `--live` of the live page in a browser."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from flowact import assets
from flowact.errors import UserError
from flowact.evaluation import bench as pipeline
from flowact.live.bench import measures
from flowact.live.bench.chromium import chromium
from flowact.live.bench.measures import Figure
from flowact.live.bench.server import Server, serving
from flowact.live.recorder import MINUTES
from flowact.media import Recording

CLICKS: Final = 10
CUT_SECONDS: Final = 5.0
SETTLED_SECONDS: Final = 60.0 * MINUTES + 20.0
"""After which a soak first looks at the memory: the server then keeps as much to record as it ever does."""
MOST_MICROPHONE_SECONDS: Final = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact bench`."""
    pipeline.add_arguments(parser)
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


def run(args: argparse.Namespace) -> None:
    """Measure what was asked for."""
    if args.soak is not None and not (args.live and args.soak > 0):
        raise UserError("--soak takes a number of minutes above 0 and needs --live.")
    if not args.live:
        pipeline.run(args)
        return
    pipeline.check(args)
    console = Console()
    console.print(f"Measuring for some minutes; {_load()}.")
    figures = []
    with tempfile.TemporaryDirectory(prefix="flowact-bench-") as folder:
        for figure in _measured(args, Path(folder)):
            figures.append(figure)
            console.print(f"  {figure.what}: {figure.value}", markup=False, soft_wrap=True)
    console.print(_table(figures))
    console.print(f"At the end, {_load()}.")
    if args.json is not None:
        pipeline.write_json(args.json, [asdict(figure) for figure in figures])


def _measured(args: argparse.Namespace, folder: Path) -> Iterator[Figure]:
    speech = Recording.open(args.audio or assets.sample_speech())
    long = measures.write_recording(folder / "speech.wav", speech.repeated(args.seconds))
    heard = speech.repeated(min(args.seconds, MOST_MICROPHONE_SECONDS))
    microphone = measures.write_recording(folder / "microphone.wav", heard)
    with serving(*_flags(args)) as server, chromium(microphone) as browser:
        if args.soak is not None:
            yield from measures.memory(browser, server, 60 * args.soak, SETTLED_SECONDS)
        else:
            yield from _all(browser, server, long, args.seconds)


def _all(browser: Any, server: Server, recording: Path, seconds: float) -> Iterator[Figure]:
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
    given = {"--checkpoint": args.checkpoint, "--threads": args.threads}
    return [str(word) for flag, value in given.items() if value for word in (flag, value)]


def _load() -> str:
    recent, _, _ = os.getloadavg()
    return f"the load of this machine is {recent:.1f} on {os.cpu_count()} processors"


def _table(figures: list[Figure]) -> Table:
    table = Table(title="The live page, over loopback, in Chromium")
    for column in ("what", "should be", "is", ""):
        table.add_column(column)
    for figure in figures:
        table.add_row(figure.what, figure.bar, figure.value, "ok" if figure.good else "NO")
    return table
