"""`flowact bench`: what the pipeline costs on this machine, stage by stage."""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from flowact import assets
from flowact.errors import UserError
from flowact.media import Recording, VideoWriter, load_reference
from flowact.pipeline import FlowActPipeline, StageTimes
from flowact.runtime.generate import add_machine_arguments
from flowact.runtime.load import Loaded, load_pipeline
from flowact.timebase import FPS, FRAMES_PER_CHUNK, LATENTS_PER_CHUNK

_RUNS_PER_CHUNK: Final = {"decode": LATENTS_PER_CHUNK, "encode": FRAMES_PER_CHUNK}
_CHUNKS_PER_MINUTE: Final = 60 * FPS // FRAMES_PER_CHUNK
_FIRST_FRAMES: Final = 5


@dataclass(frozen=True)
class StageCost:
    """Milliseconds that one run of a stage took: median, 95th percentile, and how many runs."""

    name: str
    p50_ms: float
    p95_ms: float
    runs: int


@dataclass(frozen=True)
class Benchmark:
    """What was measured.

    `stages` are per chunk of 12 frames, but `look`, which is per session. `first_frame_ms` is the median of
    five sessions in a process that is warm. `rss_first_minute_mb` and `rss_last_minute_mb` are the most
    memory held while the first and the last minute of the video were made: equal when memory is bounded.
    """

    seconds_of_video: float
    frames_per_second: float
    real_time_factor: float
    first_frame_ms: float
    peak_rss_mb: float
    rss_first_minute_mb: float
    rss_last_minute_mb: float
    threads: int
    concurrent: bool
    dtype: str
    dtype_reason: str
    decoder: str
    parameters: int
    stages: tuple[StageCost, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact bench`."""
    parser.add_argument("--audio", metavar="FILE", type=Path, help="speech (the sample sentence)")
    parser.add_argument("--character", metavar="NAME", help="whom to generate (mira)")
    parser.add_argument("--seconds", type=float, default=30.0, help="video to make (%(default)g)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the numbers here")
    add_machine_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Measure, print a table and, if asked, write JSON."""
    check(args)
    person = assets.character(args.character) if args.character else assets.default_character()
    speech = Recording.open(args.audio or assets.sample_speech())
    loaded = load_pipeline(args.checkpoint, args.threads)
    benchmark = measure(loaded, load_reference(person.portrait), speech.repeated(args.seconds))
    _print_table(benchmark, Console())
    if args.json is not None:
        write_json(args.json, asdict(benchmark))


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured.

    Raises:
        UserError: there is nothing to generate, or no end of it.
    """
    if not 0 < args.seconds < math.inf:
        raise UserError(f"--seconds must be a number above 0, not {args.seconds:g}.")


def measure(loaded: Loaded, picture: NDArray[np.uint8], speech: Recording) -> Benchmark:
    """Generate a video and keep the times.

    Args:
        loaded: the pipeline and how to run it.
        picture: uint8 `[480, 480, 3]`.
        speech: how much to generate.
    """
    pipeline, concurrent = loaded.pipeline, loaded.threads.concurrent
    _first_frame(pipeline, picture, speech, concurrent)  # what only a cold process has to do
    waits = [_first_frame(pipeline, picture, speech, concurrent) for _ in range(_FIRST_FRAMES)]
    times = StageTimes()
    start = time.perf_counter()
    held = _generate(pipeline, picture, speech, concurrent, times)
    taken = time.perf_counter() - start
    return Benchmark(
        seconds_of_video=speech.seconds,
        frames_per_second=round(speech.video_frames / taken, 2),
        real_time_factor=round(speech.seconds / taken, 3),
        first_frame_ms=round(1e3 * float(np.median(waits)), 1),
        peak_rss_mb=round(peak_rss_mb(), 1),
        rss_first_minute_mb=round(max(held[:_CHUNKS_PER_MINUTE]), 1),
        rss_last_minute_mb=round(max(held[-_CHUNKS_PER_MINUTE:]), 1),
        threads=loaded.threads.total,
        concurrent=concurrent,
        dtype=loaded.precision.dtype,
        dtype_reason=loaded.precision.reason,
        decoder=loaded.precision.decoder,
        parameters=_parameters(pipeline),
        stages=tuple(_cost(name, times) for name in times.stages),
    )


def peak_rss_mb() -> float:
    """Return the most memory this process has held, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def rss_mb() -> float:
    """Return the memory this process holds now, in megabytes; its peak where that is not told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_rss_mb()
    return pages * resource.getpagesize() / 1e6


def _first_frame(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8], speech: Recording, concurrent: bool
) -> float:
    """Return the seconds from asking for a session to its first frame."""
    start = time.perf_counter()
    with closing(pipeline.stream(picture, speech, concurrent=concurrent)) as frames:
        next(frames)
        return time.perf_counter() - start


def _generate(
    pipeline: FlowActPipeline,
    picture: NDArray[np.uint8],
    speech: Recording,
    concurrent: bool,
    times: StageTimes,
) -> list[float]:
    """Make the whole video, the file too, with its encoder as one more stage; return the memory of every chunk."""
    held: list[float] = []
    frames = pipeline.stream(picture, speech, concurrent=concurrent, times=times)
    with (
        tempfile.TemporaryDirectory() as folder,
        VideoWriter(Path(folder) / "bench.mp4", speech) as video,
        closing(frames),
    ):
        for frame in frames:
            start = time.perf_counter()
            video.write(frame.image[None])
            times.add("encode", time.perf_counter() - start)
            if frame.index % FRAMES_PER_CHUNK == 0:
                held.append(rss_mb())
    return held


def _cost(name: str, times: StageTimes) -> StageCost:
    runs = np.array(times.seconds(name)) * 1e3 * _RUNS_PER_CHUNK.get(name, 1)
    return StageCost(
        name, round(float(np.median(runs)), 2), round(float(np.quantile(runs, 0.95)), 2), len(runs)
    )


def _parameters(pipeline: FlowActPipeline) -> int:
    networks = (pipeline.transformer, pipeline.tokenizer)
    modules = [network for network in networks if isinstance(network, torch.nn.Module)]
    return sum(weight.numel() for module in modules for weight in module.parameters())


def _print_table(benchmark: Benchmark, console: Console) -> None:
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


def write_json(path: Path, numbers: object) -> None:
    """Write what was measured as JSON.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(numbers, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
