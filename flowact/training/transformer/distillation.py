"""Distillation of the transformer: guidance, then steps (FlowAct-R1, arXiv 2601.10103, stage 3).

The score distillation that ends the recipe is in `flowact.training.transformer.dmd`.
"""

import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.schedule import Levels, diagonal
from flowact.streaming.settings import StepSettings
from flowact.timebase import LATENTS_PER_CHUNK
from flowact.training.data.samples import Layout
from flowact.training.loop.metrics import Values
from flowact.training.transformer.flow_matching_stage import (
    DiffusionSettings,
    DiffusionStage,
    StageInputs,
    TrainingForward,
)
from flowact.training.transformer.noising import NoisyBatch


@dataclass(frozen=True)
class DistillationSettings:
    """What students are asked to imitate.

    Attributes:
        weakest, strongest: range of the guidance scales that are learned.
        asked: the scale at which the student is measured and shipped.
        substeps: calls of the teacher for one of the student.
    """

    weakest: float = 1.0
    strongest: float = 3.0
    asked: float = 2.0
    substeps: int = 4


DISTILLATION: Final = DistillationSettings()


class GuidanceStage(DiffusionStage):
    """Removal of classifier-free guidance: one call learns what two gave.

    The scale enters through its own embedding (Meng et al., "On Distillation of Guided Diffusion
    Models", arXiv 2210.03142), so that a single student serves a range of scales. The teacher is the
    student as it was at its start, unless another is given.
    """

    def __init__(
        self,
        made: StageInputs,
        settings: DiffusionSettings,
        distillation: DistillationSettings = DISTILLATION,
        teacher: FlowActTransformer | None = None,
    ) -> None:
        super().__init__(made.transformer, made.source, made.heldout, made.readout, settings)
        self.distillation = distillation
        self.teacher = frozen(TrainingForward(teacher) if teacher else self.model).to(self.device)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Distance to the teacher's guided velocity, at random scales."""
        batch = self.noisy(self.source.draw())
        scale = self._scales(len(batch.latents))
        with torch.no_grad():
            heard, muted = (self.teacher(batch, muted=m).velocity.float() for m in (False, True))
            target = muted + scale[:, None, None, None, None] * (heard - muted)
        return self.cost(model(batch, scale=scale), target, batch)

    @property
    def sampling(self) -> StepSettings:
        """One call per chunk, asked for the usual scale."""
        return replace(super().sampling, guidance_embedding=self.distillation.asked)

    def _scales(self, batch: int) -> Tensor:
        d = self.distillation
        return d.weakest + (d.strongest - d.weakest) * torch.rand(batch, device=self.device)


class StepStage(GuidanceStage):
    """Step distillation: between two rows of the schedule, one call learns what several gave.

    The rows of the diagonal schedule cut the noise axis into three segments; in each, the student's
    straight line ends where the teacher's bent one does (progressive distillation, Salimans and Ho,
    arXiv 2202.00512, with a fixed teacher). The mouth alone learns from the data: what a teacher's samples
    add to what is heard is chance, and so few calls can say the mean.
    """

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Distance to the mean velocity of the teacher over a segment."""
        rows = self.sampling.schedule.rows
        row = int(self.source.rng.integers(len(rows) - 1))
        batch, scale = self._batch_at(rows[row]), self._scales(self.source.batch)
        with torch.no_grad():
            reached = self._teacher_path(batch, row, scale)
        span = (batch.levels - expand_levels(rows[row + 1], batch))[..., None, None, None]
        moving = span > 0
        target = (batch.latents - reached) / torch.where(moving, span, 1.0)
        predicted = model(batch, scale=scale)
        target = torch.where(moving, target, predicted.velocity.detach().float())
        return self.cost(predicted, target, batch, spoken=batch.velocity)

    def _batch_at(self, row: Levels) -> NoisyBatch:
        """Streams of full length at the levels of a row."""
        sample = self.source.draw(Layout())
        levels = (
            torch.tensor(row).repeat_interleave(LATENTS_PER_CHUNK).expand(len(sample.stream), -1)
        )
        return self.noisy(sample, levels)

    def _teacher_path(self, batch: NoisyBatch, row: int, scale: Tensor) -> Tensor:
        """Where the teacher's small steps lead from a row to the next."""
        substeps = self.distillation.substeps
        fine = diagonal(calls_per_chunk=substeps, shift=self.settings.sampling_shift).rows
        path = fine[row * substeps : (row + 1) * substeps + 1]
        return integrate(self.teacher, batch, path, scale)


def frozen(model: TrainingForward) -> TrainingForward:
    """A copy that stays as it is."""
    return copy.deepcopy(model).eval().requires_grad_(False)


def integrate(
    model: nn.Module, batch: NoisyBatch, rows: tuple[Levels, ...], scale: Tensor | None
) -> Tensor:
    """Euler steps along rows of noise levels, from the batch's latents at the first row."""
    latents = batch.latents
    for row, following in pairwise(rows):
        levels = expand_levels(row, batch)
        change = (expand_levels(following, batch) - levels)[..., None, None, None]
        velocity = model(batch.at(latents, levels), scale=scale).velocity.float()
        latents = latents + change * velocity
    return latents


def expand_levels(row: Levels, batch: NoisyBatch) -> Tensor:
    """Levels of a row for every latent of a batch, `[batch, L]`."""
    levels = torch.tensor(row, device=batch.latents.device)
    return levels.repeat_interleave(batch.latents.shape[1] // len(row)).expand(batch.levels.shape)
