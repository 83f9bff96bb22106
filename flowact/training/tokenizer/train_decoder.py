"""Training of the decoder of one view of the tokenizer: curves, pose and a reference to pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.autoencoder import ViewAutoencoder
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.view_layers import Layers, compose
from flowact.tokenizer.views import CELLS, FACE, VIEW_SIZE, Region, View
from flowact.training.loop.checkpoints import load_matching_weights
from flowact.training.loop.loop import Loop, LoopSettings, Stateful
from flowact.training.loop.metrics import Values
from flowact.training.tokenizer import losses
from flowact.training.tokenizer.clips import WindowLoader, Windows
from flowact.training.tokenizer.sample_sheet import draw_sheet
from flowact.training.tokenizer.starting_weights import starting_view
from flowact.training.tokenizer.view_run import (
    adopt_motion_statistics,
    begin_view_run,
    open_windows,
)

HELDOUT_WINDOWS = 24
SHOWN = 2 * FRAMES_PER_LATENT
"""Frames of a window: two latents, so that the border between them is seen."""
REGION = (16, 20)
"""Rows and columns of cells that a training step paints, a third of the view."""

MARGIN = 2
"""Cells at the border of a region that do not count."""

FEATHER = 16
"""Pixels of the frame over which the face view fades into the whole view."""


@dataclass(frozen=True)
class DecoderSettings:
    """Weights of the losses and how they change.

    Attributes:
        batch: windows of two latents per step.
        noise: deviation of the noise on the motion, as a transformer will not hit it exactly.
        misplaced: deviation in pixels of the noise on the reference's landmarks, as photographs are harder
            than renders; half of it moves all points of a face alike.
        faceless: share of the references whose landmarks are withheld.
        on_mouth, on_eyes: share of the steps that paint a region round the mouth, or the eyes, of
            one of the windows; the others paint anywhere. Face view only.
        mouth, eyes, hidden: extra weight of those pixels; mouth and eyes in the face view only.
        covered: factor on the weight of what the face view hides.
        detail: weight of the edge loss.
        steady: weight of the loss on what the error changes from frame to frame. The four frames of a
            latent share most of their computation and so their errors; without it those jump at its
            end, which the eye sees as flicker at six hertz.
        flow, visibility: weights of the supervised warp.
        restraint: weight of the paint's size where the reference shows the surface. Without it the
            painter blurs what the warp does not yet place exactly, and goes on doing so.
        eps_start, eps_end, eps_steps: width of the Charbonnier loss over the first steps.
    """

    batch: int = 4
    noise: float = 0.05
    misplaced: float = 0.8
    faceless: float = 0.1
    on_mouth: float = 0.35
    on_eyes: float = 0.3
    mouth: float = 9.0
    eyes: float = 5.0
    hidden: float = 4.0
    covered: float = 0.05
    detail: float = 0.5
    steady: float = 3.0
    flow: float = 0.15
    visibility: float = 0.2
    restraint: float = 0.3
    eps_start: float = 0.15
    eps_end: float = 0.005
    eps_steps: int = 500


@dataclass
class DecoderStage:
    """A view's decoder in training; see `flowact.training.loop.loop.TrainingStage`."""

    model: ViewAutoencoder
    train: WindowLoader
    heldout: Windows
    settings: DecoderSettings = field(default_factory=DecoderSettings)
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Loss of the next batch."""
        windows = next(self.train).to(self._device)
        s = self.settings
        motion = self.model.code.normalise(windows.readouts)
        seen = motion + s.noise * torch.randn_like(motion)
        region = draw_region(windows.landmarks, self.model.view, s)
        points = disturbed(windows.points, s.misplaced, s.faceless)
        layers = model(seen, windows.picture, region, points)
        with torch.autocast(self._device.type, enabled=False):
            parts = self._picture_losses(layers, windows, step)
        total = sum(parts.values(), torch.zeros((), device=self._device))
        return total, parts | {"mask": layers.mask.mean()}

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _picture_losses(self, layers: Layers, windows: Windows, step: int) -> dict[str, Tensor]:
        """The weighted losses on warp and picture, over the layers' region."""
        s, view, region = self.settings, self.model.view, layers.region
        painted = compose(layers, windows.picture, view, VIEW_SIZE)
        truth = region.cut(windows.frames.flatten(0, 1))
        moved = (windows.flow.flatten(0, 1) - view.identity_grid(60, self._device)).movedim(-1, 1)
        visible = windows.visible.flatten(0, 1)
        weight = region.cut(self._weight(windows.landmarks.flatten(0, 1), visible, region))
        visible = region.cut(visible)
        eps = losses.annealed(s.eps_start, s.eps_end, step, s.eps_steps)
        length = windows.frames.shape[1]
        flow = losses.flow_loss(layers.flow, region.cut(moved), visible, weight)
        return {
            "picture": losses.picture_loss(painted, truth, eps, weight),
            "detail": s.detail * losses.detail_loss(painted, truth, eps, weight),
            "steady": s.steady * losses.temporal_loss(painted, truth, eps, weight, length),
            "flow": s.flow * flow,
            "restraint": s.restraint * losses.paint_sparsity(layers.paint, visible, weight),
            "visibility": s.visibility * losses.visibility_loss(layers.mask, visible, weight),
        }

    def _weight(self, landmarks: Tensor, visible: Tensor, region: Region) -> Tensor:
        s, view = self.settings, self.model.view
        mouth, eyes = (s.mouth, s.eyes) if view == FACE else (0.0, 0.0)
        weight = losses.region_weight(landmarks, visible, mouth, eyes, s.hidden)
        shown = 1 - (1 - s.covered) * losses.covered_by_face(view, FEATHER)
        return weight * (shown * losses.trusted(region, MARGIN)).to(weight.device)

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """PSNR of held-out windows from their true motion; draws the sample sheet."""
        windows, view = self.heldout.to(self._device), self.model.view
        motion = self.model.code.normalise(windows.readouts)
        painted = paint(cast(ViewAutoencoder, model), windows, motion)
        draw_sheet(run / "samples" / f"{step:08d}.png", windows, painted, view)
        return picture_scores(painted, windows, view)


def disturbed(points: Tensor, misplaced: float, faceless: float) -> Tensor:
    """Landmarks `[batch, 89, 2]` with noise of so many pixels, and some faces withheld."""
    own, common = torch.randn_like(points), torch.randn_like(points[:, :1])
    noisy = points + misplaced * (own + common) / 2**0.5
    withheld = torch.rand(len(points), 1, 1, device=points.device) < faceless
    return torch.where(withheld, torch.nan, noisy)


def paint(model: ViewAutoencoder, windows: Windows, motion: Tensor) -> Tensor:
    """Windows as the decoder draws a motion `[n, 8 + m, channels]`: `[n * m, 3, 240, 240]` in [-1, 1]."""
    frames = []
    for i in range(len(motion)):
        picture = windows.picture[i : i + 1]
        layers = model(motion[i : i + 1], picture, points=windows.points[i : i + 1])
        frames.append(compose(layers, picture, model.view, VIEW_SIZE))
    return torch.cat(frames)


def draw_region(landmarks: Tensor, view: View, settings: DecoderSettings) -> Region:
    """The region of one step: round the mouth or the eyes of a random window, or anywhere."""
    choice, (rows, columns) = float(torch.rand(())), REGION
    centre = torch.rand(2) * VIEW_SIZE
    if view == FACE and choice < settings.on_mouth + settings.on_eyes:
        on_mouth = choice < settings.on_mouth
        points = [losses.UPPER, losses.LOWER] if on_mouth else [losses.EYE_LEFT, losses.EYE_RIGHT]
        centre = landmarks[int(torch.randint(len(landmarks), ())), 0, points].mean(0).cpu()
    x, y = (centre * (CELLS / VIEW_SIZE)).tolist()
    top, left = round(y - rows / 2), round(x - columns / 2)
    return Region(min(max(top, 0), CELLS - rows), min(max(left, 0), CELLS - columns), rows, columns)


def picture_scores(painted: Tensor, windows: Windows, view: View) -> dict[str, float]:
    """PSNR of `painted [windows * n, 3, 240, 240]` and of the still reference, by region; and `jump`."""
    truth = windows.frames.flatten(0, 1)
    still = view.crop(windows.picture).repeat_interleave(windows.frames.shape[1], 0)
    landmarks = windows.landmarks.flatten(0, 1)
    regions = {
        "view": None,
        "mouth": losses.mouth_box(landmarks),
        "eyes": losses.eyes_box(landmarks),
    }
    scores = {f"psnr_{name}": losses.psnr(painted, truth, where) for name, where in regions.items()}
    scores |= {f"still_{name}": losses.psnr(still, truth, where) for name, where in regions.items()}
    return scores | {"jump": jump(painted, windows)}


def jump(painted: Tensor, windows: Windows) -> float:
    """How much more the error changes from one latent to the next than inside one; 1 is no flicker.

    Not a number for windows of one latent.
    """
    error = painted.unflatten(0, windows.frames.shape[:2]) - windows.frames
    change = error.diff(dim=1).abs().mean((0, 2, 3, 4))
    border = torch.arange(1, len(change) + 1) % FRAMES_PER_LATENT == 0
    return float(change[border].mean() / change[~border].mean())


def train_decoder(
    config: ViewConfig,
    data: Path,
    loop: LoopSettings,
    settings: DecoderSettings,
    seed: int = 0,
    init: Path | None = None,
) -> int:
    """Train a view's decoder on `data/train`, measured on `data/heldout`; resumes. Returns the steps done.

    Args:
        config: sizes of the view.
        data: folder of rendered clips.
        loop: how long and how.
        settings: weights of the losses.
        seed: of weights and windows.
        init: run or checkpoint that a fresh run starts from; what does not fit starts afresh.
    """
    backend = begin_view_run(loop.run, config, seed)
    model = ViewAutoencoder(config)
    if init is not None:
        load_matching_weights(model, starting_view(init, config.view))
    adopt_motion_statistics(model.code)
    model.encoder.requires_grad_(False)
    random = (seed, backend.rank)
    train, heldout = open_windows(
        data, model.view, loop.run, settings.batch, random, HELDOUT_WINDOWS, SHOWN
    )
    return Loop(DecoderStage(model, train, heldout, settings), loop, backend).train()
