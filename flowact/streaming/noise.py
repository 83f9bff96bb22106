"""Random numbers that are part of a session's state.

A generator is two integers, seed and count of draws, so it can be copied, stacked and stored like
any tensor, and a batch of sessions draws exactly what each session would draw alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

_MASK = 2**64 - 1


def seed_generators(seeds: Sequence[int]) -> Tensor:
    """Make one generator per session: `[batch, 2]` int64."""
    return torch.tensor([[seed, 0] for seed in seeds], dtype=torch.int64)


def draw_normal(generators: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Draw standard normal numbers on the CPU, the same on every device.

    Args:
        generators: `[batch, 2]`.
        shape: shape of what each session draws.

    Returns:
        The numbers `[batch, *shape]` and the generators after the draw.
    """
    drawn = []
    for seed, count in generators.tolist():
        generator = torch.Generator().manual_seed(splitmix64(splitmix64(seed) + count))
        drawn.append(torch.randn(*shape, generator=generator))
    return torch.stack(drawn), generators + torch.tensor([0, 1])


def splitmix64(value: int) -> int:
    """Spread neighbouring integers over 64 bits (splitmix64, Steele et al. 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
