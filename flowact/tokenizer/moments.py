"""Running mean and deviation that settle early in training and then never move again."""

import torch
from torch import Tensor, nn


class RunningMoments(nn.Module):
    """Mean and deviation per channel over the last axis of what it sees.

    The average is a plain one over the first ``1 / rate`` updates, exponential after that, and
    frozen after ``limit`` updates, so that whatever is trained on the normalised values finds
    them unchanged.
    """

    mean: Tensor
    variance: Tensor
    updates: Tensor

    def __init__(
        self, channels: int, limit: int = 1000, rate: float = 0.01, floor: float = 1e-3
    ) -> None:
        super().__init__()
        self.limit, self.rate, self.floor = limit, rate, floor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def update(self, values: Tensor) -> None:
        """Count a batch ``[..., channels]`` in, unless the limit is reached."""
        if int(self.updates) >= self.limit:
            return
        flat = values.detach().float().reshape(-1, values.shape[-1])
        self.updates += 1
        rate = max(self.rate, 1 / int(self.updates))
        fresh = flat.mean(0)
        spread = (flat - self.mean if int(self.updates) > 1 else flat - fresh).square().mean(0)
        self.variance.lerp_(spread, rate)
        self.mean.lerp_(fresh, rate)

    @property
    def deviation(self) -> Tensor:
        """Standard deviation per channel, at least ``floor``."""
        return self.variance.sqrt().clamp(min=self.floor)

    def normalise(self, values: Tensor) -> Tensor:
        """``(values - mean) / deviation`` along the last axis."""
        return (values - self.mean) / self.deviation

    def restore(self, values: Tensor) -> Tensor:
        """Inverse of :meth:`normalise`."""
        return values * self.deviation + self.mean
