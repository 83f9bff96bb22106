"""Samples with noise on them, as every stage of the transformer sees them."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flowact.training.data.samples import Sample
from flowact.training.transformer.flow_matching import (
    LevelSettings,
    draw_levels,
    draw_memory_levels,
    interpolate,
)


@dataclass(frozen=True)
class NoisyBatch:
    """A batch whose streams and memory are noised.

    Attributes:
        sample: the clean latents, sound and text; the reference is slightly disturbed.
        latents: noisy streams `[batch, L, channels, height, width]`.
        levels: their noise levels `[batch, L]`.
        velocity: noise minus clean, like the latents.
        memory_levels: noise level of each memory `[batch]`; the reference stays clean.
        memory_noise: noise of the memory, `[batch, memory latents, channels, height, width]`.
    """

    sample: Sample
    latents: Tensor
    levels: Tensor
    velocity: Tensor
    memory_levels: Tensor
    memory_noise: Tensor

    def at(self, latents: Tensor, levels: Tensor) -> "NoisyBatch":
        """The same batch elsewhere on the way from noise; its velocity is meaningless there."""
        return replace(self, latents=latents, levels=levels)


def noisy_batch(
    sample: Sample, settings: LevelSettings, levels: Tensor | None = None
) -> NoisyBatch:
    """Noise a sample.

    Args:
        sample: clean.
        settings: how levels are drawn.
        levels: levels of the stream `[batch, L]`; drawn if not given.
    """
    batch, length = sample.stream.shape[:2]
    if levels is None:
        levels = draw_levels(batch, length, settings)
    memory = sample.memory
    doubt = settings.reference * torch.rand(batch, 1, 1, 1, 1)
    reference = memory.reference + doubt * torch.randn_like(memory.reference)
    memory = replace(memory, reference=reference)
    noisy, velocity = interpolate(sample.stream, torch.randn_like(sample.stream), levels)
    remembered = torch.cat([memory.reference, memory.long_term, memory.short_term], 1)
    return NoisyBatch(
        replace(sample, memory=memory),
        noisy,
        levels,
        velocity,
        draw_memory_levels(batch, settings),
        torch.randn_like(remembered),
    )
