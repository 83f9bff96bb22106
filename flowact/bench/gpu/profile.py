"""Where a chunk's time goes, and what it costs in energy."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from flowact.bench.gpu.report import Row, Rows
from flowact.bench.gpu.subject import BenchSubject
from flowact.streaming.settings import StepSettings
from flowact.streaming.step import step
from flowact.timebase import FRAME_SIZE, FRAMES_PER_CHUNK

SHOWN: Final = 10
POWER_SECONDS: Final = 10.0
_POWER: Final = ("nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits")


def profiled(subject: BenchSubject) -> Rows:
    """The operators that take most of a chunk of the largest preset, and the device's idle share."""
    chunk = _chunk(subject)
    for _ in range(1 if subject.quick else 3):
        chunk()
    activities = [ProfilerActivity.CPU]
    if subject.device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    subject.wait()
    start = time.perf_counter()
    with profile(activities=activities) as seen:
        chunk()
        subject.wait()
    taken_ms = 1e3 * (time.perf_counter() - start)
    events = sorted(seen.key_averages(), key=_own_ms(subject), reverse=True)
    busy = sum(map(_own_ms(subject), events))
    if subject.device.type == "cuda":
        yield Row("idle share of the device", round(max(0.0, 1 - busy / taken_ms), 3), "")
    for event in events[:SHOWN]:
        share = round(_own_ms(subject)(event) / max(busy, 1e-9), 3)
        yield Row(f"share of {event.key}", share, "", note=f"{event.count} runs")


def energy(subject: BenchSubject) -> Rows:
    """Joules per frame of the largest preset, by the GPU's own meter."""
    if subject.device.type != "cuda":
        yield Row("energy of a frame", None, "J", note="only GPUs have a meter")
        return
    chunk = _chunk(subject)
    watts: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            command = [*_POWER, f"--id={subject.device.index or 0}"]
            told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)  # noqa: S603
            watts.extend(float(line) for line in told.stdout.split())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    start, chunks = time.perf_counter(), 0
    while time.perf_counter() - start < POWER_SECONDS:
        chunk()
        subject.wait()
        chunks += 1
    taken = time.perf_counter() - start
    over.set()
    thread.join()
    if not watts:
        yield Row("energy of a frame", None, "J", note="nvidia-smi tells nothing here")
        return
    mean = float(np.mean(watts))
    yield Row("power", round(mean, 1), "W")
    yield Row("energy of a frame", round(mean * taken / (chunks * FRAMES_PER_CHUNK), 2), "J")


def _chunk(subject: BenchSubject) -> Callable[[], object]:
    """Denoise and decode one chunk of the largest preset."""
    preset = subject.presets[-1]
    model, tokenizer = subject.transformer(preset), subject.tokenizer(preset)
    settings = StepSettings()
    state = subject.sessions(preset.transformer, 1, settings)
    conditions = subject.conditions(preset.transformer, state)
    features: Any = tokenizer.reference_features(
        torch.zeros(1, 3, FRAME_SIZE, FRAME_SIZE, device=subject.device)
    )
    decoder: Any = tokenizer.initial_state(features)

    def chunk() -> object:
        _, latents = step(model, state, conditions, settings)
        return [tokenizer.decode_uint8(decoder, latent, features) for latent in latents.split(1, 1)]

    return chunk


def _own_ms(subject: BenchSubject) -> Callable[[Any], float]:
    on_gpu = subject.device.type == "cuda"
    name = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    return lambda event: 1e-3 * float(getattr(event, name))
