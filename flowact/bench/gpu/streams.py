"""The headline: sessions in real time, transformer and decoder side by side on one device."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from flowact.bench.gpu.report import Row, Rows
from flowact.bench.gpu.subject import AnyTokenizer, BenchSubject
from flowact.hardware.roofline import seconds
from flowact.hardware.workload import count_work
from flowact.mmdit.model import FlowActTransformer
from flowact.presets import Preset
from flowact.streaming.settings import StepSettings
from flowact.streaming.step import step
from flowact.timebase import FPS, FRAME_SIZE, FRAMES_PER_CHUNK

SESSIONS: Final = (1, 2, 4)
AHEAD: Final = 2
"""Chunks of latents that may wait for the decoder."""


@dataclass(frozen=True)
class StreamTimes:
    """When every chunk's frames were in the processor's memory, in seconds after the start."""

    shown: tuple[float, ...]

    @property
    def fps(self) -> float:
        """Frames per second of every session, without the first chunk."""
        if len(self.shown) < 2:
            return FRAMES_PER_CHUNK / self.shown[0]
        return FRAMES_PER_CHUNK * (len(self.shown) - 1) / (self.shown[-1] - self.shown[0])

    def quantile_ms(self, share: float) -> float:
        """Milliseconds between two chunks."""
        gaps = np.diff((0.0, *self.shown))[1:] if len(self.shown) > 1 else np.array(self.shown)
        return round(1e3 * float(np.quantile(gaps, share)), 1)


def streams(subject: BenchSubject) -> Rows:
    """Frames per second of the largest preset, then of more sessions, then of smaller presets."""
    holds = None
    for preset in reversed(subject.presets):
        predicted = _predicted_fps(subject, preset)
        model, tokenizer = subject.transformer(preset), subject.tokenizer(preset)
        largest = preset is subject.presets[-1]
        for sessions in SESSIONS[: 1 if subject.quick or not largest else None]:
            name = f"{preset.name}, {sessions} session{'s' if sessions > 1 else ''}"
            _reset_peak(subject)
            cold = _stream(subject, preset, model, tokenizer, sessions, 1)
            yield Row(f"{name}: first chunk, the first time", round(1e3 * cold.shown[0]), "ms")
            times = _stream(subject, preset, model, tokenizer, sessions, _chunks(subject))
            fps = round(times.fps, 2)
            yield Row(f"{name}: frames per second of each", fps, "1/s", predicted)
            yield Row(f"{name}: a chunk, median", times.quantile_ms(0.5), "ms")
            yield Row(f"{name}: a chunk, 95th percentile", times.quantile_ms(0.95), "ms")
            yield Row(f"{name}: first chunk, warm", round(1e3 * times.shown[0]), "ms")
            yield _peak(subject, name)
            predicted = None
            if sessions == 1 and fps >= FPS and holds is None:
                holds = preset.name
        del model, tokenizer
    yield Row(f"largest preset that holds {FPS} frames per second", None, "", note=holds or "none")


def _chunks(subject: BenchSubject) -> int:
    return max(2, round(subject.seconds * FPS / FRAMES_PER_CHUNK))


def _stream(
    subject: BenchSubject,
    preset: Preset,
    model: FlowActTransformer,
    tokenizer: AnyTokenizer,
    sessions: int,
    chunks: int,
) -> StreamTimes:
    """Denoise in this thread, decode in another, each on a CUDA stream of its own."""
    made: queue.Queue[Tensor | None] = queue.Queue(AHEAD)
    shown: list[float] = []
    failed: list[BaseException] = []
    start = time.perf_counter()

    def decode() -> None:
        try:
            with _own_stream(subject), torch.inference_mode():
                features, state = _portrait(subject, tokenizer, sessions)
                while (latents := made.get()) is not None:
                    for latent in latents.split(1, 1):
                        frames, state = tokenizer.decode_uint8(state, latent, features)
                        frames.cpu()  # waits until they are there, as an encoder does
                    shown.append(time.perf_counter() - start)
        except BaseException as error:  # raised again where somebody waits
            failed.append(error)
            while made.get() is not None:
                pass

    thread = threading.Thread(target=decode, daemon=True)
    thread.start()
    try:
        settings = StepSettings()
        state = subject.sessions(preset.transformer, sessions, settings)
        with _own_stream(subject):
            for _ in range(chunks):
                conditions = subject.conditions(preset.transformer, state)
                state, latents = step(model, state, conditions, settings)
                subject.wait_here()
                made.put(latents)
    finally:
        made.put(None)
        thread.join()
    if failed:
        raise failed[0]
    return StreamTimes(tuple(shown))


def _portrait(subject: BenchSubject, tokenizer: AnyTokenizer, sessions: int) -> tuple[Any, Any]:
    picture = torch.zeros(sessions, 3, FRAME_SIZE, FRAME_SIZE, device=subject.device)
    features: Any = tokenizer.reference_features(picture)
    return features, tokenizer.initial_state(features)


def _own_stream(subject: BenchSubject) -> Any:
    if subject.device.type != "cuda":
        return nullcontext()
    return torch.cuda.stream(torch.cuda.Stream(subject.device))


def _predicted_fps(subject: BenchSubject, preset: Preset) -> float | None:
    """What `flowact plan` says of transformer and decoder one after the other on this device."""
    if subject.gpu is None:
        return None
    work = count_work(preset)
    chunk = seconds([*work.memory, *work.denoise, *work.decode], subject.gpu)
    return round(FRAMES_PER_CHUNK / chunk, 1)


def _reset_peak(subject: BenchSubject) -> None:
    if subject.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(subject.device)


def _peak(subject: BenchSubject, name: str) -> Row:
    if subject.device.type != "cuda":
        return Row(f"{name}: peak memory", None, "GB", note="counted on GPUs only")
    held = torch.cuda.max_memory_allocated(subject.device) / 1e9
    return Row(f"{name}: peak memory", round(held, 2), "GB")
