"""Training of the encoder of one view of the tokenizer: pictures to curves and pose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from flowact.motion.arkit import ARKIT
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.code import LinearMotionCodec
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.encoding.view_encoder import ViewEncoder
from flowact.tokenizer.views import VIEWS, View
from flowact.training.loop.checkpoints import load_matching_weights
from flowact.training.loop.loop import Loop, LoopSettings, Stateful
from flowact.training.loop.metrics import Values, correlation
from flowact.training.tokenizer.clips import BEFORE, WindowLoader, Windows
from flowact.training.tokenizer.starting_weights import ERRORS, starting_encoder
from flowact.training.tokenizer.view_run import (
    adopt_motion_statistics,
    begin_view_run,
    open_windows,
)

HELDOUT_WINDOWS = 64
CURVES_COUNT = 2.0
"""How much more a curve counts than a joint angle."""
SHIFT = 6
"""Pixels by which a frame is moved at most."""
NOISE = 0.08
"""Deviation of the strongest noise on a frame, whose range is 2."""


@dataclass
class EncoderStage:
    """A view's encoder in training; see `flowact.training.loop.loop.TrainingStage`."""

    model: ViewEncoder
    train: WindowLoader
    heldout: Windows
    view: View
    code: LinearMotionCodec
    curves: int
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Squared error of the standardised curves and pose of one frame of each window."""
        windows = next(self.train).to(self._device)
        count = len(windows.frames)
        chosen = torch.arange(count), torch.randint(FRAMES_PER_LATENT, (count,))
        frames, reference = disturbed(windows.frames[chosen], self.view.crop(windows.picture))
        error = (model(frames, reference) - self._truth(windows)[chosen]).square().mean(0)
        curves, pose = error[: self.curves].sum(), error[self.curves :].sum()
        return (CURVES_COUNT * curves + pose) / len(error), {"curves": curves, "pose": pose}

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """Share of the variance left, and correlations of some curves, on held-out windows.

        The error of every channel is left in the run, for the export to weigh the views by.
        """
        encoder, windows = cast(ViewEncoder, model), self.heldout.to(self._device)
        reference = self.view.crop(windows.picture)
        frames = windows.frames.unbind(1)
        estimate = torch.stack([encoder(frame, reference) for frame in frames], 1)
        truth = self._truth(windows)
        error = (estimate - truth).square()
        save_file({"error": error.mean((0, 1))}, run / ERRORS)
        left = float(error.mean() / truth.square().mean())
        return {"left": left} | _correlations(estimate, truth)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _truth(self, windows: Windows) -> Tensor:
        return self.code.normalise(windows.readouts[:, BEFORE:])


def disturbed(frames: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Shift frame and reference `[batch, 3, 240, 240]` together by a few pixels, and add noise.

    The motion stays the same, the pixels do not, so that faces cannot be learned by heart.
    """
    both = torch.cat((frames, reference), 1)
    padded = F.pad(both, [SHIFT] * 4, mode="replicate")
    size, places = both.shape[-1], torch.randint(2 * SHIFT + 1, (len(both), 2)).tolist()
    moved = torch.stack(
        [p[:, y : y + size, x : x + size] for p, (y, x) in zip(padded, places, strict=True)]
    )
    noisy = moved + NOISE * torch.rand(len(both), 1, 1, 1, device=both.device) * torch.randn_like(
        moved
    )
    return noisy[:, :3], noisy[:, 3:]


def _correlations(estimate: Tensor, truth: Tensor) -> dict[str, float]:
    columns = {"jaw": "jawOpen", "blink": "eyeBlinkLeft", "smile": "mouthSmileLeft"}
    columns |= {"pucker": "mouthPucker", "gaze": "eyeLookOutLeft"}
    return {
        f"r_{name}": correlation(*(x[..., i].flatten()[None] for x in (estimate, truth)))
        for name, i in ((name, ARKIT.index(curve)) for name, curve in columns.items())
    }


def train_encoder(
    config: ViewConfig,
    data: Path,
    loop: LoopSettings,
    batch: int,
    seed: int = 0,
    init: Path | None = None,
) -> int:
    """Train a view's encoder on `data/train`, measured on `data/heldout`; resumes. Returns the steps done.

    Args:
        config: sizes of the view.
        data: folder of rendered clips.
        loop: how long and how.
        batch: windows per step.
        seed: of weights and windows.
        init: run or checkpoint that a fresh run starts from; what does not fit starts afresh.
    """
    backend = begin_view_run(loop.run, config, seed)
    model, view = ViewEncoder(config), VIEWS[config.view]
    if init is not None:
        load_matching_weights(model, starting_encoder(init, config.view))
    code = LinearMotionCodec(config.view, config.readouts).to(backend.device)
    adopt_motion_statistics(code)
    random = (seed, backend.rank)
    train, heldout = open_windows(data, view, loop.run, batch, random, HELDOUT_WINDOWS)
    stage = EncoderStage(model, train, heldout, view, code, config.curves)
    return Loop(stage, loop, backend).train()
