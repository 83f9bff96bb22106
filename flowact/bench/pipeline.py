"""What the pipeline costs on this machine, stage by stage."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from flowact.hardware.load_pipeline import Loaded
from flowact.hardware.memory import peak_rss_mb, rss_mb
from flowact.media import Recording, VideoWriter
from flowact.pipeline import FlowActPipeline, StageTimes
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
