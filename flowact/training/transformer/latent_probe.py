"""A linear map from latents to motion: the directions of the latent that move face and body.

Lips are a tiny share of a latent's variance, and a latent does not say which of its directions follow
each other in time. The map tells the training loss and the metrics where to look. It is fitted in
closed form to encoded clips, so it exists for every tokenizer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from flowact.errors import UserError
from flowact.motion.arkit import ARKIT
from flowact.timebase import FRAMES_PER_LATENT
from flowact.training.data.latents import LatentClip

STILL = 1e-3
"""A channel that deviates less than this from its mean does not move (activation or radians)."""


@dataclass(frozen=True)
class LatentProbe:
    """Linear read-out of the motion of a latent's four frames: face curves, then pose.

    Attributes:
        matrix: `[values, 4 * channels]`, flattened latent to standardised motion.
        bias: `[4 * channels]`.
        mean: of the motion, `[channels]`.
        deviation: of the motion, `[channels]`.
        share: of each channel's variance that the read-out explains on held-out clips,
            `[channels]`, 0..1; 0 for a channel that never moves.
    """

    matrix: Tensor
    bias: Tensor
    mean: Tensor
    deviation: Tensor
    share: Tensor

    def standardised(self, difference: Tensor) -> Tensor:
        """Read a difference of latents: `[..., channels, height, width]` to `[..., 4, channels]`."""
        flat = difference.flatten(-3) @ self.matrix
        motion: Tensor = flat.unflatten(-1, (FRAMES_PER_LATENT, -1))
        return motion

    def without(self, difference: Tensor, channels: Tensor) -> Tensor:
        """A difference of latents `[..., channels, height, width]` less what it says of some of the motion.

        Args:
            difference: of latents.
            channels: of the motion, those that shall not change, true or false `[channels]`.
        """
        # Training allows coarse float32 products, which would leave a part of it.
        directions = self.matrix.double() * channels.repeat(FRAMES_PER_LATENT)
        flat = difference.flatten(-3).double()
        said = flat @ directions @ torch.linalg.pinv(directions)
        return (flat - said).to(difference.dtype).view_as(difference)

    def motion(self, latents: Tensor) -> Tensor:
        """Read motion: `[..., n, channels, height, width]` to `[..., 4 * n, channels]`."""
        bias = self.bias.unflatten(0, (FRAMES_PER_LATENT, -1))
        frames: Tensor = (self.standardised(latents) + bias) * self.deviation + self.mean
        return frames.flatten(-3, -2)

    def standard(self, motion: Tensor) -> Tensor:
        """Motion `[..., channels]` in deviations from its mean."""
        return (motion - self.mean) / self.deviation

    def save(self, path: Path) -> None:
        """Write the tensors."""
        save_file({name: value.contiguous() for name, value in vars(self).items()}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; UserError if there is no such file."""
        if not path.is_file():
            raise UserError(f"{path} is missing; `flowact train latents` writes it.")
        return cls(**load_file(path))


def fit_probe(
    train: Sequence[LatentClip], heldout: Sequence[LatentClip], noise: float = 0.3
) -> LatentProbe:
    """Fit by ridge regression, as if the latents carried noise of the given deviation.

    Args:
        train: clips to fit.
        heldout: clips on which the explained variance is measured.
        noise: large values prefer directions that survive errors of the latents.
    """
    inputs, motion = _flatten(train)
    mean = motion.flatten(0, 1).mean(0)
    deviation = motion.flatten(0, 1).std(0).clamp(min=STILL)
    targets = ((motion - mean) / deviation).flatten(1)
    centre, offset = inputs.mean(0), targets.mean(0)
    x, y = inputs - centre, targets - offset
    matrix = _ridge(x, y, noise**2 * len(x))
    fitted = LatentProbe(
        matrix.float(),
        (offset - centre @ matrix).float(),
        mean.float(),
        deviation.float(),
        torch.ones(motion.shape[-1]),
    )
    return LatentProbe(**{**vars(fitted), "share": explained_share(fitted, heldout)})


def _ridge(x: Tensor, y: Tensor, penalty: float) -> Tensor:
    """Solve `(x' x + penalty) matrix = x' y` in whichever of its two forms is smaller.

    A latent of a large autoencoder has more values than there are clips' latents.
    """
    rows, columns = x.shape
    identity = torch.eye(min(rows, columns), dtype=x.dtype)
    if rows < columns:
        return x.T @ torch.linalg.solve(x @ x.T + penalty * identity, y)
    return torch.linalg.solve(x.T @ x + penalty * identity, x.T @ y)


def explained_share(readout: LatentProbe, clips: Sequence[LatentClip]) -> Tensor:
    """Measure which share of each channel's variance the read-out explains, `[channels]`, 0..1."""
    truth = torch.cat([clip.motion.float() for clip in clips])
    error = torch.cat([readout.motion(clip.z.float()) for clip in clips]) - truth
    variance = truth.var(0)
    share = (1 - error.square().mean(0) / variance.clamp(min=STILL**2)).clamp(0, 1)
    return share * (variance > STILL**2)


def curve_index(name: str) -> int:
    """Column of a curve; ValueError if there is none of that name."""
    if name not in ARKIT:
        raise ValueError(f"unknown curve {name!r}; expected one of ARKIT's 52")
    return ARKIT.index(name)


def _flatten(clips: Sequence[LatentClip]) -> tuple[Tensor, Tensor]:
    """Return latents `[n, values]` and motion `[n, 4, channels]` in float64."""
    latents = torch.cat([clip.z for clip in clips]).double().flatten(1)
    motion = torch.cat([clip.motion for clip in clips]).double()
    return latents, motion.unflatten(0, (-1, FRAMES_PER_LATENT))
