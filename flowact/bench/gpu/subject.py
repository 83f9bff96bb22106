"""What is measured: a device, the presets, and inputs of their shapes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from flowact.conditioning.audio import MEL_AFTER, MEL_BEFORE, MEL_BINS, MEL_PER_TOKEN
from flowact.conditioning.text import MAX_PIECES
from flowact.conditioning.window import AudioWindow, window_tokens
from flowact.hardware.roofline import GPUS, Gpu
from flowact.mmdit.model import FlowActTransformer
from flowact.presets import Preset, TransformerSize
from flowact.streaming.conditions import Conditions
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.video.adapter import DiffusersVideoTokenizer
from flowact.tokenizer.video.from_preset import random_tokenizer

REPEATS: Final = 20
WARM_UP: Final = 5

AnyTokenizer = Tokenizer | DiffusersVideoTokenizer


@dataclass(frozen=True)
class BenchSubject:
    """What is measured.

    Attributes:
        device: the GPU, or the processor in a dry run.
        dtype: what the networks compute in.
        presets: smallest first.
        seconds: of video in the measurements of streams.
        quick: whether this is a dry run: small shapes, few repetitions, the numbers mean nothing.
    """

    device: torch.device
    dtype: torch.dtype
    presets: tuple[Preset, ...]
    seconds: float = 60.0
    quick: bool = False

    @property
    def gpu(self) -> Gpu | None:
        """The data sheet of the device, if there is one of its compute capability."""
        if self.device.type != "cuda":
            return None
        here = torch.cuda.get_device_capability(self.device)
        return next((gpu for gpu in GPUS if gpu.compute == here), None)

    def transformer(self, preset: Preset) -> FlowActTransformer:
        """Make a preset's transformer with random weights."""
        with torch.device(self.device):
            made = FlowActTransformer(**preset.transformer.model_dump())
        torch.nn.Module.to(made, self.device, self.dtype)
        return made.eval().requires_grad_(False)

    def tokenizer(self, preset: Preset) -> AnyTokenizer:
        """Make a preset's codec with random weights."""
        made = random_tokenizer(preset.codec, self.device)
        torch.nn.Module.to(made, self.device, self.dtype)
        return made.eval().requires_grad_(False)

    def sessions(self, size: TransformerSize, count: int, settings: StepSettings) -> SessionState:
        """Begin sessions with random portraits."""
        latent = (size.latent_channels, size.latent_height, size.latent_width)
        reference = torch.randn(count, 1, *latent, device=self.device)
        return SessionState.start(reference, list(range(count)), settings.schedule.chunks)

    def conditions(self, size: TransformerSize, state: SessionState) -> Conditions:
        """Make up sound and text of the shapes that a step reads."""
        count, latents = state.stream.shape[:2]
        tokens = window_tokens(latents)
        rows = MEL_BEFORE + MEL_PER_TOKEN * tokens + MEL_AFTER
        shape = (tokens, size.audio_width) if size.audio_width else (rows, MEL_BINS)
        sound = AudioWindow(
            torch.randn(count, *shape, device=self.device),
            torch.ones(count, tokens, dtype=torch.bool),
        )
        text = (
            torch.randn(count, size.text_tokens, size.text_width)
            if size.text_width
            else torch.ones(count, MAX_PIECES, dtype=torch.int64)
        )
        return Conditions(sound, text, torch.zeros(count, latents, dtype=torch.int64))

    def wait(self) -> None:
        """Return when the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def wait_here(self) -> None:
        """Return when the present CUDA stream has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()

    def times_ms(self, call: Callable[[], object], repeats: int = REPEATS) -> Sequence[float]:
        """Milliseconds of every run of a call, after some that do not count."""
        repeats, warm_up = (1, 1) if self.quick else (repeats, WARM_UP)
        for _ in range(warm_up):
            call()
        self.wait()
        taken = []
        for _ in range(repeats):
            start = time.perf_counter()
            call()
            self.wait()
            taken.append(1e3 * (time.perf_counter() - start))
        return taken

    def median_ms(self, call: Callable[[], object], repeats: int = REPEATS) -> float:
        """Median of `times_ms`."""
        return round(float(np.median(self.times_ms(call, repeats))), 3)


def difference(one: Tensor, other: Tensor) -> float:
    """Relative error of one tensor against another."""
    return float((one.float() - other.float()).norm() / other.float().norm().clamp(min=1e-12))
