"""Keeping what a warp has of the reference's detail: pores, hair, the grain of a photograph."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.tokenizer.warp import FLOW_CELLS, enlarge

_LITTLE: Final = 0.04
"""Change of a colour, of -1..1, up to which paint only shades."""
_MUCH: Final = 0.12
"""The same, from which on it shows something else."""
_ROUND: Final = 9
"""Cells of flow across in which what is round eyes and mouth counts as them."""


def shading(paint: Tensor, amount: float, drawn: Tensor | None = None) -> Tensor:
    """The paint `[n, 3, p, p]` without its finest part where it shades and draws nothing.

    A decoder that learns from pictures cannot place each pore and hair, and the least error is to take them out
    again: its paint is the negative of what the warp has there. Shades are wide and may stay.

    Args:
        paint: added to the warp.
        amount: how much of the finest part is left out, 0..1.
        drawn: shares of what is known to be drawn, eyes and mouth, `[n, k, 120, 120]`.
    """
    if not amount:
        return paint
    scale = paint.shape[-1] // FLOW_CELLS
    coarse = F.avg_pool2d(paint, scale)
    change = coarse.abs().amax(1, keepdim=True)
    draws = F.max_pool2d(((change - _LITTLE) / (_MUCH - _LITTLE)).clamp(0, 1), 3, 1, 1)
    if drawn is not None:
        features = F.max_pool2d(drawn.amax(1, keepdim=True), drawn.shape[-1] // FLOW_CELLS)
        draws = torch.maximum(draws, F.max_pool2d(features, _ROUND, 1, _ROUND // 2))
    kept = 1 - amount * (1 - draws)
    shaded = paint * enlarge(kept, scale) + enlarge(coarse * (1 - kept), scale)
    return shaded.to(paint.dtype)
