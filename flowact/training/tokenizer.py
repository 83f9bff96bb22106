"""Training of one view of the tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from flowact.training.checkpoints import newest_step
from flowact.training.clips import WINDOW, ClipFolder, WindowLoader, Windows, spread_windows
from flowact.training.export import save_view_config
from flowact.training.loop import Loop, LoopSettings, Stateful
from flowact.training.metrics import Values
from flowact.training.tokenizer_sheet import draw_sheet

CURRENT = WINDOW // 2
HELDOUT_WINDOWS = 24


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
        flow, visibility: weights of the supervised warp.
        restraint: weight of the paint's size where the reference shows the surface. Without it the
            painter blurs what the warp does not yet place exactly, and goes on doing so.
        eps_start, eps_end, eps_steps: width of the Charbonnier loss over the first steps.
        scaffold: share of windows whose decoder sees latents made of the true curves.
        imitation: weight of the encoder's distance to those latents.
        freeze_encoder: train decoder and reference encoder alone, once latents are in use elsewhere.
    """

    batch: int = 4
    noise: float = 0.2
    start_from_reference: float = 0.1
    mouth: float = 9.0
    eyes: float = 5.0
    hidden: float = 4.0
    detail: float = 0.5
    readout: float = 0.1
    scale: float = 0.01
    flow: float = 0.15
    visibility: float = 0.2
    restraint: float = 0.3
    eps_start: float = 0.15
    eps_end: float = 0.005
    eps_steps: int = 1_500
    scaffold: float = 0.7
    imitation: float = 0.3
    freeze_encoder: bool = False


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
        s = self.settings
        windows, started = _start_some_from_reference(windows, self.model.view, s)
        supported = (torch.rand(len(started), device=self._device) < s.scaffold) & ~started
        made = cast(
            Reconstruction,
            model(
                windows.frames,
                windows.picture,
                s.noise,
                s.freeze_encoder,
                windows.readouts,
                supported,
            ),
        )
        with torch.autocast(self._device.type, enabled=False):
            parts = self._picture_losses(made, windows, step)
            if not s.freeze_encoder:
                parts |= self._latent_losses(made, windows.readouts, ~started)
        total = sum(parts.values(), torch.zeros((), device=self._device))
        return total, parts | {"mask": made.layers.mask.mean()}

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _picture_losses(
        self, made: Reconstruction, windows: Windows, step: int
    ) -> dict[str, Tensor]:
        """The weighted losses on warp and picture."""
        s, view = self.settings, self.model.view
        painted = compose(made.layers, windows.picture, view, windows.frames.shape[-1])
        truth = windows.frames[:, CURRENT:].flatten(0, 1)
        visible = windows.visible.flatten(0, 1)
        weight = losses.region_weight(
            windows.landmarks.flatten(0, 1), visible, s.mouth, s.eyes, s.hidden
        )
        eps = losses.annealed(s.eps_start, s.eps_end, step, s.eps_steps)
        flow = losses.flow_loss(made.layers.flow, windows.flow.flatten(0, 1), visible, weight, view)
        return {
            "picture": losses.picture_loss(painted, truth, eps, weight),
            "detail": s.detail * losses.detail_loss(painted, truth, eps, weight),
            "flow": s.flow * flow,
            "restraint": s.restraint * losses.needless_paint(made.layers.paint, visible, weight),
            "visibility": s.visibility * losses.visibility_loss(made.layers.mask, visible, weight),
        }

    def _latent_losses(
        self, made: Reconstruction, readouts: Tensor, true_start: Tensor
    ) -> dict[str, Tensor]:
        """The weighted losses that shape the latents: curves and pose readable, the scaffold imitated."""
        head, s = self.model.readout, self.settings
        head.moments.update(readouts)
        wrong = (made.readout.float() - head.moments.normalise(readouts[:, CURRENT:])).square()
        head.error.lerp_(wrong.detach().mean((0, 1)), 0.01)
        parts = {
            "readout": s.readout * wrong.mean(),
            "scale": s.scale * losses.latent_penalty(made.latent),
        }
        if made.scaffold is not None:
            apart = (made.latent - made.scaffold.detach()).square().mean((2, 3, 4))
            known = torch.stack([true_start, torch.ones_like(true_start)], 1)
            parts["imitation"] = s.imitation * (apart * known).sum() / known.sum()
        return parts

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
            torch.cat(readouts), windows.readouts[:, CURRENT:]
        )


def _start_some_from_reference(
    windows: Windows, view: View, settings: TokenizerSettings
) -> tuple[Windows, Tensor]:
    """Replace the first four frames of some windows, bool ``[batch]``, by the reference."""
    frames = windows.frames.clone()
    chosen = torch.rand(len(frames), device=frames.device) < settings.start_from_reference
    frames[chosen, :CURRENT] = view.crop(windows.picture[chosen])[:, None]
    return replace(windows, frames=frames), chosen


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
    save_view_config(loop.run, config)
    model = ViewAutoencoder(config)
    train, heldout = (ClipFolder(data / split) for split in ("train", "heldout"))
    loader = WindowLoader(train, model.view, settings.batch, (seed, newest_step(loop.run)))
    windows = spread_windows(heldout, model.view, HELDOUT_WINDOWS)
    stage = TokenizerStage(model, loader, windows, settings)
    running = Loop(stage, loop)
    if settings.freeze_encoder:
        adopt_encoder(model, cast(ViewAutoencoder, running.ema.model))
    return running.train()


def adopt_encoder(model: ViewAutoencoder, averaged: ViewAutoencoder) -> None:
    """Give the trained model the averaged model's encoder, scaffold and read-out.

    Those made the latents that are in use, so the decoder must go on learning from them.
    """
    for part in ("encoder", "moments", "readout", "scaffold"):
        model.get_submodule(part).load_state_dict(averaged.get_submodule(part).state_dict())
