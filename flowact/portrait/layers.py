"""What the networks that look at portraits are made of."""

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Two convolutions, and what they start from."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(convolution(width, width, 1), convolution(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Features [N, C, h, w] to the same shape."""
        result: Tensor = x + self.inner(x)
        return result


def convolution(before: int, after: int, stride: int) -> nn.Sequential:
    """A convolution of 3x3 cells, normalised over the batch."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.SiLU()
    )


def cell_centres(cells: int) -> Tensor:
    """Where the middles of the cells of a row lie over a window, [cells] in [-1, 1]."""
    return (torch.arange(cells) + 0.5) * (2 / cells) - 1


def places(heat: Tensor, centres: Tensor) -> Tensor:
    """The mean place [N, K, 2] in [-1, 1] of heat maps, logits [N, K, cells * cells].

    Integral regression (Sun et al. 2018, arXiv:1711.08229).
    """
    share = heat.softmax(2).unflatten(2, (len(centres), len(centres)))
    return torch.stack([share.sum(2) @ centres, share.sum(3) @ centres], 2)
