"""Keeping what a warp has of the reference's detail: pores, hair, the grain of a photograph."""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.tokenizer.kernels import map_kernels, pixel_kernels
from flowact.tokenizer.warp import FLOW_CELLS, enlarge

_LITTLE: Final = 0.15
"""Change of a colour, of -1..1, up to which paint only shades."""
_MUCH: Final = 0.35
"""The same, from which on it shows something else."""
_ROUND: Final = 3
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
    coarse = pooled(paint, FLOW_CELLS)
    change = coarse.abs().amax(1, keepdim=True)
    draws = F.max_pool2d(((change - _LITTLE) / (_MUCH - _LITTLE)).clamp(0, 1), 3, 1, 1)
    if drawn is not None:
        features = F.max_pool2d(drawn.amax(1, keepdim=True), drawn.shape[-1] // FLOW_CELLS)
        for size in ((_ROUND, 1), (1, _ROUND)):  # a square at once takes four times as long
            features = F.max_pool2d(features, size, 1, (size[0] // 2, size[1] // 2))
        draws = torch.maximum(draws, features)
    kept = 1 - amount * (1 - draws)
    return _shaded(paint, kept, coarse * (1 - kept))


def pooled(maps: Tensor, cells: int) -> Tensor:
    """Means of maps `[n, k, p, p]` over each of `cells x cells` squares."""
    if not _compiled(maps):
        return F.avg_pool2d(maps, maps.shape[-1] // cells)
    means = maps.new_empty(*maps.shape[:2], cells, cells)
    pixel_kernels.pool(maps.contiguous().numpy(), means.numpy())
    return means


def _shaded(paint: Tensor, kept: Tensor, shades: Tensor) -> Tensor:
    """`paint * kept + shades`, the latter two enlarged."""
    if not _compiled(paint):
        scale = paint.shape[-1] // FLOW_CELLS
        return (paint * enlarge(kept, scale) + enlarge(shades, scale)).to(paint.dtype)
    shaded = torch.empty_like(paint, memory_format=torch.contiguous_format)
    pixel_kernels.shade(*(part.contiguous().numpy() for part in (paint, kept, shades, shaded)))
    return shaded


def _compiled(paint: Tensor) -> bool:
    return map_kernels.usable(paint) and paint.dtype == torch.float32
