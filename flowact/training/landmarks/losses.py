"""Losses of points and of their heat maps."""

from math import log
from typing import Final

import torch
from torch import Tensor

_UNIT: Final = 0.05
"""Error, in half windows, at which the likelihood counts as 0; only sets the scale of the loss."""


def likelihood_loss(points: Tensor, log_deviation: Tensor, true: Tensor) -> Tensor:
    """Minus the Gaussian likelihood of each point (Wood et al. 2022, arXiv:2204.02776, equation 1), `[N, K]`.

    Args:
        points: `[N, K, 2]` in half windows.
        log_deviation: natural logarithm of the deviation of each, `[N, K]`.
        true: where they are, `[N, K, 2]`.
    """
    squares = (points - true).square().sum(-1)
    return 2 * log_deviation + 0.5 * squares * torch.exp(-2 * log_deviation) - 2 * log(_UNIT)


def cell_loss(heat: Tensor, points: Tensor, cells: int) -> Tensor:
    """Cross entropy of the heat maps with the four cells around each point, whose mean place is the point.

    Far stronger than the likelihood at first. Points beyond the window do not count.

    Args:
        heat: logits `[N, K, cells * cells]`.
        points: `[N, K, 2]` in [-1, 1] over the window.
        cells: edge of a heat map.
    """
    place = (points + 1) * (cells / 2) - 0.5
    inside = ((place >= 0) & (place < cells - 1)).all(-1)
    logarithm, place = heat[inside].log_softmax(-1), place[inside]
    corner = place.floor()
    share, first = place - corner, corner[:, 1] * cells + corner[:, 0]
    loss = torch.zeros(())
    for down in (0, 1):
        for right in (0, 1):
            cell = (first + down * cells + right).long()[:, None]
            weight = (share[:, 0] - (1 - right)).abs() * (share[:, 1] - (1 - down)).abs()
            loss = loss - (weight * logarithm.gather(1, cell)[:, 0]).mean()
    return loss
