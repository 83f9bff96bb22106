"""The checkpoint that comes with FlowAct on this device: the only pictures here that mean something."""

from __future__ import annotations

import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from flowact import assets
from flowact.bench.gpu.report import Row, Rows
from flowact.bench.gpu.subject import BenchSubject
from flowact.conditioning.window import AudioTimeline
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.conditions import Conditions
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState
from flowact.streaming.step import step
from flowact.timebase import FRAME_SIZE, FRAMES_PER_CHUNK, SAMPLES_PER_CHUNK
from flowact.tokenizer.tokenizer import Tokenizer

SECONDS = 20.0
ACTION = "speaking"


def shipped(subject: BenchSubject) -> Rows:
    """Frames of the sample sentence: how far from the processor's, how soon, how many a second."""
    chunks = 1 if subject.quick else round(SECONDS * 16_000 / SAMPLES_PER_CHUNK)
    reference, _ = _frames(torch.device("cpu"), torch.float32, chunks)
    here = "float32 on the device"
    frames, times = _frames(subject.device, torch.float32, chunks)
    yield Row(f"{here}: largest error of a pixel, 0 to 255", _error(frames, reference), "levels")
    yield Row(f"{here}: mean error of a pixel", _mean_error(frames, reference), "levels")
    yield from _speed(here, times)
    if subject.device.type == "cuda":
        here = str(subject.dtype).removeprefix("torch.")
        frames, times = _frames(subject.device, subject.dtype, chunks)
        yield Row(f"{here}: mean error of a pixel", _mean_error(frames, reference), "levels")
        yield from _speed(here, times)


def _speed(name: str, times: list[float]) -> Rows:
    yield Row(f"{name}: first chunk", round(1e3 * times[0], 1), "ms")
    yield Row(
        f"{name}: frames per second", round(FRAMES_PER_CHUNK * len(times) / sum(times), 1), "1/s"
    )


def _error(frames: Tensor, truth: Tensor) -> float:
    return float((frames.float() - truth.float()).abs().max())


def _mean_error(frames: Tensor, truth: Tensor) -> float:
    return round(float((frames.float() - truth.float()).abs().mean()), 4)


@torch.inference_mode()
def _frames(device: torch.device, dtype: torch.dtype, chunks: int) -> tuple[Tensor, list[float]]:
    """Frames `[12 * chunks, 480, 480, 3]` and the seconds that every chunk took."""
    model: Any = FlowActTransformer.from_pretrained(assets.checkpoint() / "transformer")
    tokenizer: Any = Tokenizer.from_pretrained(assets.checkpoint() / "tokenizer")
    for network in (model, tokenizer):
        torch.nn.Module.to(network, device, dtype).eval()
    features = tokenizer.reference_features(_portrait().to(device))
    state = SessionState.start(features.latent[:, None].float(), [0])
    decoder, settings = tokenizer.initial_state(features), StepSettings()
    sound = AudioTimeline.empty().push(_speech(chunks + settings.schedule.chunks))
    made, times = [], []
    for _ in range(chunks):
        start = time.perf_counter()
        conditions = Conditions.of(state, [sound], [ACTION])
        state, latents = step(model, state, conditions, settings)
        frames, decoder = tokenizer.decode_uint8(decoder, latents, features)
        made.append(frames[0].cpu())
        times.append(time.perf_counter() - start)
    return torch.cat(made), times


def _portrait() -> Tensor:
    """The default character, `[1, 3, 480, 480]` in [-1, 1]."""
    picture = Image.open(assets.default_character().portrait).convert("RGB")
    pixels = np.asarray(picture.resize((FRAME_SIZE, FRAME_SIZE)), np.float32)
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1


def _speech(chunks: int) -> Tensor:
    """The sample sentence, said again and again."""
    samples = _read_wave(assets.sample_speech())
    wanted = chunks * SAMPLES_PER_CHUNK
    return torch.from_numpy(np.resize(samples, wanted))


def _read_wave(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    with wave.open(str(path), "rb") as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return pcm.astype(np.float32) / np.float32(32768)
