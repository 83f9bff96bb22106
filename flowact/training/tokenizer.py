"""Training of one view of the tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from flowact.synthesis.arkit import ARKIT
from flowact.tokenizer.autoencoder import Reconstruction, ViewAutoencoder
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.decoder import compose
from flowact.tokenizer.views import View
from flowact.training import tokenizer_losses as losses
from flowact.training.clips import WINDOW, ClipFolder, WindowLoader, Windows, spread_windows
from flowact.training.loop import Loop, LoopSettings, Stateful
from flowact.training.metrics import Values
from flowact.training.tokenizer_sheet import draw_sheet

CURRENT = WINDOW // 2


@dataclass(frozen=True)
class TokenizerSettings:
    """Weights of the losses and how they change.

    Attributes:
        batch: windows per step.
        noise: deviation of the noise on the latents.
        start_from_reference: share of windows whose previous latent is the reference's own, as at
            the start of a session.
        mouth, eyes, hidden: extra weight of those pixels.
        detail, readout, scale: weights of the edge, curve and latent-scale losses.
        flow, visibility: weights of the supervised warp at the start; after ``supervised_steps``
            a tenth is left.
        eps_start, eps_end, eps_steps: width of the Charbonnier loss over the first steps.
    """

    batch: int = 4
    noise: float = 0.2
    start_from_reference: float = 0.1
    mouth: float = 9.0
    eyes: float = 5.0
    hidden: float = 2.0
    detail: float = 0.5
    readout: float = 0.1
    scale: float = 0.01
    flow: float = 0.05
    visibility: float = 0.1
    supervised_steps: int = 10_000
    eps_start: float = 0.15
    eps_end: float = 0.005
    eps_steps: int = 4_000


@dataclass
class TokenizerStage:
    """A view's autoencoder in training; see :class:`flowact.training.loop.Stage`."""

    model: ViewAutoencoder
    train: WindowLoader
    heldout: Windows
    settings: TokenizerSettings = field(default_factory=TokenizerSettings)
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Loss of the next batch."""
        windows = next(self.train).to(self._device)
        windows = _start_some_from_reference(windows, self.model.view, self.settings)
        made = cast(Reconstruction, model(windows.frames, windows.picture, self.settings.noise))
        readout = self._readout_loss(made.readout, windows.readouts)
        with torch.autocast(self._device.type, enabled=False):
            parts = self._picture_losses(made, windows, step)
        total = sum(parts.values(), self.settings.readout * readout)
        report = {name: value for name, value in parts.items()}
        return total, report | {"readout": readout, "mask": made.layers.mask.mean()}

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _picture_losses(
        self, made: Reconstruction, windows: Windows, step: int
    ) -> dict[str, Tensor]:
        """The weighted losses on latents, warp and picture."""
        s, view = self.settings, self.model.view
        painted = compose(made.layers, windows.picture, view, windows.frames.shape[-1])
        truth = windows.frames[:, CURRENT:].flatten(0, 1)
        visible = windows.visible.flatten(0, 1)
        weight = losses.region_weight(
            windows.landmarks.flatten(0, 1), visible, s.mouth, s.eyes, s.hidden
        )
        eps = losses.annealed(s.eps_start, s.eps_end, step, s.eps_steps)
        supervision = losses.annealed(1.0, 0.1, step, s.supervised_steps)
        flow = losses.flow_loss(made.layers.flow, windows.flow.flatten(0, 1), visible, view)
        return {
            "picture": losses.charbonnier(painted - truth, eps, weight),
            "detail": s.detail * losses.detail_loss(painted, truth, eps, weight),
            "flow": s.flow * supervision * flow,
            "visibility": s.visibility
            * supervision
            * losses.visibility_loss(made.layers.mask, visible),
            "scale": s.scale * losses.latent_penalty(made.latent),
        }

    def _readout_loss(self, standardised: Tensor, readouts: Tensor) -> Tensor:
        head = self.model.readout
        head.moments.update(readouts)
        squared = (standardised.float() - head.moments.normalise(readouts)).square()
        head.error.lerp_(squared.detach().mean((0, 1)), 0.01)
        return squared.mean()

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """PSNR of held-out windows and correlation of their read-out curves; draws the sample sheet."""
        windows, view = self.heldout, self.model.view
        autoencoder = cast(ViewAutoencoder, model)
        pictures, readouts = [], []
        for i in range(len(windows.frames)):
            made = autoencoder(windows.frames[i : i + 1], windows.picture[i : i + 1])
            pictures.append(
                compose(made.layers, windows.picture[i : i + 1], view, windows.frames.shape[-1])
            )
            readouts.append(autoencoder.readout.moments.restore(made.readout.float()))
        painted = torch.cat(pictures)
        draw_sheet(run / "samples" / f"{step:08d}.png", windows, painted, view)
        return _picture_scores(painted, windows, view) | _readout_scores(
            torch.cat(readouts), windows.readouts
        )


def _start_some_from_reference(
    windows: Windows, view: View, settings: TokenizerSettings
) -> Windows:
    """Replace the first four frames of some windows by the reference."""
    frames = windows.frames
    chosen = torch.rand(len(frames), device=frames.device) < settings.start_from_reference
    if not bool(chosen.any()):
        return windows
    frames = frames.clone()
    frames[chosen, :CURRENT] = view.crop(windows.picture[chosen])[:, None]
    return Windows(**{**vars(windows), "frames": frames})


def _picture_scores(painted: Tensor, windows: Windows, view: View) -> dict[str, float]:
    truth = windows.frames[:, CURRENT:].flatten(0, 1)
    still = view.crop(windows.picture).repeat_interleave(CURRENT, 0)
    landmarks = windows.landmarks.flatten(0, 1)
    regions = {
        "view": None,
        "mouth": losses.mouth_box(landmarks),
        "eyes": losses.eyes_box(landmarks),
    }
    scores = {f"psnr_{name}": losses.psnr(painted, truth, where) for name, where in regions.items()}
    return scores | {
        f"still_{name}": losses.psnr(still, truth, where) for name, where in regions.items()
    }


def _readout_scores(predicted: Tensor, truth: Tensor) -> dict[str, float]:
    columns = {"jaw": ARKIT.index("jawOpen"), "blink": ARKIT.index("eyeBlinkLeft")}
    columns |= {"smile": ARKIT.index("mouthSmileLeft"), "pucker": ARKIT.index("mouthPucker")}
    return {
        f"r_{name}": correlation(predicted[..., i], truth[..., i]) for name, i in columns.items()
    }


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's r of two tensors of equal shape; not-a-number if one is constant."""
    return float(torch.corrcoef(torch.stack([a.flatten().float(), b.flatten().float()]))[0, 1])


def train_tokenizer_view(
    config: ViewConfig, data: Path, loop: LoopSettings, settings: TokenizerSettings, seed: int = 0
) -> int:
    """Train one view on ``data/train``, measured on ``data/heldout``; resumes. Returns the steps done."""
    torch.manual_seed(seed)
    model = ViewAutoencoder(config)
    train, heldout = (ClipFolder(data / split) for split in ("train", "heldout"))
    loader = WindowLoader(train, model.view, settings.batch, seed)
    stage = TokenizerStage(model, loader, spread_windows(heldout, model.view, 24), settings)
    return Loop(stage, loop).train()
