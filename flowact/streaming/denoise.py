"""The flow-matching sampler: Euler steps from row to row of a schedule."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from flowact.streaming.schedule import Levels

Velocity = Callable[[Tensor, Tensor], Tensor]
"""Latents `[batch, L, ...]` and their levels `[batch, L]` to the velocity `noise - clean`."""


def denoise(velocity: Velocity, latents: Tensor, calls: Iterable[tuple[Levels, Levels]]) -> Tensor:
    """Integrate `d latents = velocity d level` (flow matching, arXiv 2210.02747).

    Args:
        velocity: called once per pair of rows.
        latents: `[batch, L, channels, height, width]`.
        calls: levels of every chunk before and after each call; the latents divide evenly over
            the chunks.
    """
    for before, after in calls:
        start, end = (_per_latent(levels, latents) for levels in (before, after))
        change = (end - start)[..., None, None, None]
        latents = latents + change * velocity(latents, start).to(latents.dtype)
    return latents


def guided(with_condition: Velocity, without: Velocity, scale: float) -> Velocity:
    """Classifier-free guidance (arXiv 2207.12598): go from one velocity to the other, or beyond.

    At scale 1 the velocity without the condition is not computed.
    """
    if scale == 1:
        return with_condition

    def velocity(latents: Tensor, levels: Tensor) -> Tensor:
        base = without(latents, levels)
        return base + scale * (with_condition(latents, levels) - base)

    return velocity


def _per_latent(levels: Levels, latents: Tensor) -> Tensor:
    row = torch.tensor(levels, device=latents.device)
    return row.repeat_interleave(latents.shape[1] // len(levels)).expand(latents.shape[:2])
