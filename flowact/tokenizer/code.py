"""The linear code between a face's motion and a view's latent."""

import torch
from torch import Tensor, nn

from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.config import LATENT_CHANNELS, LATENT_GRID

VALUES = LATENT_CHANNELS * LATENT_GRID**2
"""Numbers of a view's latent."""

CLAMP_SIGMA = 4.0
"""Deviations from the mean beyond which a channel is cut off."""


class LinearMotionCodec(nn.Module):
    """Curves and pose of four frames, spread over a latent by a fixed orthonormal map.

    A latent that is learned from pictures alone takes long to say what mouth and eyes do, since they
    are few pixels. Here every channel has its own direction from the start, all directions are
    orthogonal and equally long, so reading is exact and noise on a latent disturbs all channels
    alike. It needs no picture: the transformer trains on performances that nobody rendered.

    Args:
        view: "whole" or "face"; the two spread the same channels in different ways.
        channels: curves and pose numbers per frame.
    """

    mean: Tensor
    deviation: Tensor
    basis: Tensor

    def __init__(self, view: str, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        seed = int.from_bytes(view.encode()[:4], "big")
        self.register_buffer("basis", _orthonormal(FRAMES_PER_LATENT * channels, seed))

    def adopt(self, mean: Tensor, deviation: Tensor) -> None:
        """Take over statistics `[channels]` each; a deviation of 0 marks a channel that never moves."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)

    def normalise(self, values: Tensor) -> Tensor:
        """`[..., channels]` in units of each channel's deviation, 0 where a channel never moves."""
        return self.normalise_change(values - self.mean).clamp(-CLAMP_SIGMA, CLAMP_SIGMA)

    def normalise_change(self, change: Tensor) -> Tensor:
        """What is added to channels, `[..., channels]`, in units of their deviations; 0 where a channel never moves."""
        moving = self.deviation > 0
        return change / torch.where(moving, self.deviation, 1.0) * moving

    def restore(self, standardised: Tensor) -> Tensor:
        """Inverse of `normalise`."""
        return standardised * self.deviation + self.mean

    def motion_to_latents(self, standardised: Tensor) -> Tensor:
        """Standardised channels `[batch, 4 * n, channels]` to latents `[batch, n, 16, 8, 8]`."""
        frames = standardised.float().unflatten(1, (-1, FRAMES_PER_LATENT)).flatten(2)
        return (frames @ self.weight.flatten(0, 1).flatten(1)).unflatten(
            -1, (LATENT_CHANNELS, LATENT_GRID, LATENT_GRID)
        )

    def latents_to_motion(self, z: Tensor) -> Tensor:
        """Latents `[batch, 16, 8, 8]` to standardised channels `[batch, 4, channels]`."""
        flat = z.float().flatten(1) @ self.basis.float() / self._gain
        return flat.unflatten(-1, (FRAMES_PER_LATENT, self.channels))

    @property
    def weight(self) -> Tensor:
        """What one unit of a channel adds to a latent, `[4, channels, 16, 8, 8]`."""
        rows = self.basis.float().T * self._gain
        shape = (FRAMES_PER_LATENT, self.channels, LATENT_CHANNELS, LATENT_GRID, LATENT_GRID)
        return rows.reshape(shape)

    @property
    def _gain(self) -> Tensor:
        """Length of a direction that gives latents unit variance."""
        moving = (self.deviation > 0).sum().clamp(min=1)
        return (VALUES / (FRAMES_PER_LATENT * moving)).sqrt()


def _orthonormal(columns: int, seed: int) -> Tensor:
    """Random orthonormal columns, `[VALUES, columns]`."""
    if columns > VALUES:
        raise ValueError(f"a latent of {VALUES} numbers cannot hold {columns}")
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(VALUES, columns, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(draw).Q.float()
