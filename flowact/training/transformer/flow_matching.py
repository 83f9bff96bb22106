"""Flow matching with a noise level per chunk: levels, targets and losses."""

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from flowact.datagen.voice.visemes import MOUTH
from flowact.mmdit.model import LOWEST_LEVEL
from flowact.motion.arkit import ARKIT
from flowact.streaming.schedule import shifted
from flowact.timebase import LATENTS_PER_CHUNK
from flowact.training.transformer.latent_probe import LatentProbe

CURVES: Final = len(ARKIT)

NOISE_SHIFT: Final = 12.0
"""Where the compact latents are decided: they are redundant, so little noise hides nothing, and the few
calls of a stream are all made above 0.9."""

SAMPLING_SHIFT: Final = 20.0
"""Where the few calls of a stream are spent: still further up, chosen on held-out sentences."""


@dataclass(frozen=True)
class LevelSettings:
    """How noise levels are drawn.

    Attributes:
        diagonal: share of the samples whose chunks are staggered as in the denoising stream; the
            others have an independent level per chunk (diffusion forcing, arXiv 2407.01392).
        warm_up: share of the staggered ones that are partly pure noise, as when a stream starts.
        memory: largest noise level of the memory.
        memory_share: share of the samples whose memory is noised.
        reference: largest deviation of noise on the reference that the model is not told of: the
            latent of a portrait that nobody rendered is never exact.
        shift: moves all levels of the stream towards noise; see `streaming.schedule.shifted`.
    """

    diagonal: float = 0.5
    warm_up: float = 0.3
    memory: float = 0.3
    memory_share: float = 0.7
    reference: float = 0.5
    shift: float = NOISE_SHIFT


def draw_levels(batch: int, latents: int, settings: LevelSettings) -> Tensor:
    """Draw the noise level of every latent of the stream: `[batch, latents]`, 0..1.

    Before the shift, staggered chunk `k` of `n` has the level `min(1, (u + k + w) / n)`, `u` uniform
    and `w` the number of chunks that have not entered yet.
    """
    chunks = -(-latents // LATENTS_PER_CHUNK)
    waiting = torch.where(
        torch.rand(batch, 1) < settings.warm_up, torch.randint(1, chunks + 1, (batch, 1)), 0
    )
    staggered = (torch.rand(batch, 1) + torch.arange(chunks) + waiting) / chunks
    levels = torch.where(
        torch.rand(batch, 1) < settings.diagonal,
        staggered.clamp(max=1),
        torch.rand(batch, chunks),
    )
    levels = shifted(levels, settings.shift).clamp(min=LOWEST_LEVEL)
    return levels.repeat_interleave(LATENTS_PER_CHUNK, 1)[:, :latents]


def draw_memory_levels(batch: int, settings: LevelSettings) -> Tensor:
    """Draw the noise level of every sample's memory: `[batch]`."""
    noised = torch.rand(batch) < settings.memory_share
    return torch.rand(batch) * settings.memory * noised


def interpolate(clean: Tensor, noise: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
    """Blend `[batch, L, ...]` with noise at `levels [batch, L]`; return it and the velocity."""
    share = levels[..., None, None, None]
    return (1 - share) * clean + share * noise, noise - clean


@dataclass(frozen=True)
class VelocityLoss:
    """Squared error of the velocity, and of what it means for the face.

    A plain error hardly sees lips, which are a tiny share of a latent's variance. The second term
    measures the error along the directions that a linear read-out takes for face curves, each in
    units of the curve's deviation and weighted by how well it can be read at all. The third measures
    how the error of the motion changes from frame to frame, the first against the memory's last, as
    in MDM (arXiv 2209.14916): eyes see a tremble long before they see an offset. The velocity that
    minimises one term minimises the others as well, unless the mouth is told to follow another one.

    Attributes:
        readout: the linear read-out.
        lips: weight of the second term.
        smooth: weight of the third.
        floor: noise level below which errors count less; few-step schedules never go there.
    """

    readout: LatentProbe
    lips: float = 0.3
    smooth: float = 0.0
    floor: float = 0.2

    def __call__(
        self,
        predicted: Tensor,
        velocity: Tensor,
        levels: Tensor,
        emphasis: Tensor,
        spoken: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the terms, already weighted.

        Args:
            predicted: `[batch, L, channels, height, width]`.
            velocity: the same.
            levels: noise levels `[batch, L]`.
            emphasis: how much each frame's lips count `[batch, 4 * L]`.
            spoken: velocity that the mouth shall follow in the second and third term, if another one.
        """
        share = (levels / levels.clamp(min=self.floor))[..., None, None, None]
        error = (predicted.float() - velocity) * share
        motion = self._motion(error)
        if spoken is not None:
            said = self._motion((predicted.float() - spoken) * share)
            motion = torch.where(mouth_of(motion), said, motion)
        curves = motion[..., :CURVES].square() @ self.readout.share[:CURVES]
        changes = F.pad(motion, (0, 0, 1, 0)).diff(dim=1).square() @ self.readout.share
        return {
            "velocity": error.square().mean(),
            "lips": self.lips * (curves * emphasis).mean() / _total(self.readout.share[:CURVES]),
            "smooth": self.smooth * changes.mean() / _total(self.readout.share),
        }

    def _motion(self, error: Tensor) -> Tensor:
        """Read an error of latents frame by frame, `[batch, 4 * L, channels]`."""
        return self.readout.standardised(error).flatten(1, 2)


def mouth_of(motion: Tensor) -> Tensor:
    """Which channels of a motion `[..., channels]` speech moves, `[channels]`."""
    spoken = torch.zeros(motion.shape[-1], dtype=torch.bool, device=motion.device)
    spoken[:CURVES] = torch.from_numpy(MOUTH)
    return spoken


def _total(shares: Tensor) -> Tensor:
    return shares.sum().clamp(min=1e-6)
