"""Score distillation of the few-step student (DMD: Yin et al., arXiv 2311.18828; DMD2: arXiv 2405.14867).

The student's own streams are noised again, and two networks say what is likely there: the frozen
teacher for real motion, and a second network, trained on nothing but the student's results, for what
the student makes. Their difference is the direction in which the student's results become likelier.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from flowact.mmdit.model import FlowActTransformer
from flowact.training.loop.backend import average_gradients
from flowact.training.loop.metrics import Values, finite
from flowact.training.transformer.distillation import (
    DISTILLATION,
    DistillationSettings,
    StepStage,
    expand_levels,
    frozen,
    integrate,
)
from flowact.training.transformer.flow_matching import draw_levels, interpolate, mouth_of
from flowact.training.transformer.flow_matching_stage import DiffusionSettings, StageInputs
from flowact.training.transformer.noising import NoisyBatch


@dataclass(frozen=True)
class ScoreSettings:
    """How the network of the student's scores is trained.

    Attributes:
        rate: its learning rate.
        updates: its updates for every one of the student.
        anchor: weight of the step distillation that goes on beside it; a few-step student whose
            only guide is a score drifts off while the scores are still rough.
    """

    rate: float = 2e-4
    updates: int = 2
    anchor: float = 0.25


SCORES: Final = ScoreSettings()


class ScoreStage(StepStage):
    """Generator, frozen teacher score and learned fake score, on streams with memory."""

    def __init__(
        self,
        made: StageInputs,
        settings: DiffusionSettings,
        distillation: DistillationSettings = DISTILLATION,
        teacher: FlowActTransformer | None = None,
        scores: ScoreSettings = SCORES,
    ) -> None:
        super().__init__(made, settings, distillation, teacher)
        self.scores = scores
        self.fake = frozen(self.model).train()
        for own, student in zip(self.fake.parameters(), self.model.parameters(), strict=True):
            own.requires_grad_(student.requires_grad)
        learned = [p for p in self.fake.parameters() if p.requires_grad]
        self.fake_optimizer = torch.optim.AdamW(learned, scores.rate)
        self.extras = {
            **self.extras,
            "fake": self.fake,
            "fake_optimizer": self.fake_optimizer,
        }

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Update the fake score, then return the student's loss."""
        for _ in range(self.scores.updates):
            with torch.no_grad():
                batch, made = self._generated(model)
            surprise = self._train_fake(batch, made.detach())
        batch, made = self._generated(model)
        parts = {"score": self._score_loss(batch, made)}
        anchor, _ = super().loss(model, step)
        parts["anchor"] = self.scores.anchor * anchor
        return parts["score"] + parts["anchor"], parts | {"fake": surprise}

    def _generated(self, model: nn.Module) -> tuple[NoisyBatch, Tensor]:
        """What the student makes of streams at a random row: clean latents like the batch's."""
        rows = self.sampling.schedule.rows
        reached = int(self.source.rng.integers(len(rows) - 1))
        batch = self._batch_at(rows[0])
        scale = batch.levels.new_full((len(batch.levels),), self.distillation.asked)
        with torch.no_grad():
            latents = integrate(model, batch, rows[: reached + 1], scale)
        torch.clear_autocast_cache()  # it holds weights that were cast without a gradient
        levels = expand_levels(rows[reached], batch)
        velocity = model(batch.at(latents, levels), scale=scale).velocity.float()
        return batch, latents - levels[..., None, None, None] * velocity

    def _renoised(self, batch: NoisyBatch, clean: Tensor) -> tuple[NoisyBatch, Tensor]:
        """Noise generated latents as the training of a flow does; the velocity comes with them."""
        batch_size, length = clean.shape[:2]
        levels = draw_levels(batch_size, length, self.settings.levels).to(clean.device)
        latents, velocity = interpolate(clean, torch.randn_like(clean), levels)
        return batch.at(latents, levels), velocity

    def _train_fake(self, batch: NoisyBatch, made: Tensor) -> Tensor:
        """One step of flow matching on the student's results; none if it would not be finite."""
        noisy, velocity = self._renoised(batch, made)
        loss, _ = self.cost(self.fake(noisy), velocity, noisy)
        self.fake_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        learned = [p for p in self.fake.parameters() if p.requires_grad]
        average_gradients(learned)
        if finite(nn.utils.clip_grad_norm_(learned, 1.0)):
            self.fake_optimizer.step()
        torch.clear_autocast_cache()  # it holds the weights as they were before the step
        return loss.detach()

    @torch.no_grad()
    def _towards_likely(self, batch: NoisyBatch, made: Tensor) -> Tensor:
        """Where the two scores would move the latents, scaled to the size of the teacher's own correction.

        What it would do to the mouth is taken out.
        """
        noisy, _ = self._renoised(batch, made)
        levels = noisy.levels[..., None, None, None]
        scale = levels.new_full((len(levels),), self.distillation.asked)
        real = noisy.latents - levels * self.teacher(noisy, scale=scale).velocity.float()
        fake = noisy.latents - levels * self.fake(noisy).velocity.float()
        size = (made - real).abs().mean((1, 2, 3, 4), keepdim=True).clamp(min=1e-3)
        readout = self.losses.readout
        return readout.without((real - fake) / size, mouth_of(readout.mean))

    def _score_loss(self, batch: NoisyBatch, made: Tensor) -> Tensor:
        """A squared distance whose gradient at `made` is minus the wanted direction."""
        wanted = (made + self._towards_likely(batch, made)).detach()
        return 0.5 * (made - wanted).square().mean()
