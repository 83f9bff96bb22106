"""Rotary positions over time and space (RoFormer, arXiv 2104.09864), a share of each head per axis.

A position is a triple (time in video frames, y, x in units of `CELL` pixels of the frame), so
tokens of views with different zoom, audio tokens and memory tokens live in one coordinate system.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

CELL: Final = 60.0
"""Pixels of the frame that count as one unit of space."""

TIME_BASE: Final = 1000.0
SPACE_BASE: Final = 50.0


class Rotary(NamedTuple):
    """Cosine and sine of every token's angles, each `[batch or 1, 1, tokens, head_dim / 2]`."""

    cos: Tensor
    sin: Tensor


def axis_pairs(head_dim: int) -> tuple[int, int, int]:
    """Return how many rotated pairs of a head belong to time (3/8), y and x (5/16 each)."""
    if head_dim % 16:
        raise ValueError(f"head dimension {head_dim} is not a multiple of 16")
    pairs = head_dim // 2
    space = 5 * pairs // 16
    return pairs - 2 * space, space, space


def rotary_table(positions: Tensor, head_dim: int) -> Rotary:
    """Compute the angles of `positions [batch or 1, tokens, 3]` in float32."""
    angles = [
        positions[..., axis, None].float() * _frequencies(pairs, base, positions.device)
        for axis, (pairs, base) in enumerate(
            zip(axis_pairs(head_dim), (TIME_BASE, SPACE_BASE, SPACE_BASE), strict=True)
        )
    ]
    angle = torch.cat(angles, dim=-1).unsqueeze(1)
    return Rotary(angle.cos(), angle.sin())


def rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Rotate `x [batch, heads, tokens, head_dim]`; pair `i` is (`x[i]`, `x[i + head_dim / 2]`)."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = (part.to(x.dtype) for part in rotary)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


def grid_positions(views: Sequence[Sequence[float]], rows: int, columns: int) -> Tensor:
    """Return (y, x) of every token centre, `[views * rows * columns, 2]` in units of `CELL`.

    Args:
        views: one (left, top, width, height) box in pixels of the frame for each view.
        rows: tokens along the height of one view.
        columns: tokens along the width of one view.
    """
    cells = []
    for left, top, width, height in views:
        y = top + (torch.arange(rows) + 0.5) * height / rows
        x = left + (torch.arange(columns) + 0.5) * width / columns
        cells.append(torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1).reshape(-1, 2))
    return torch.cat(cells) / CELL


def token_positions(times: Tensor, cells: Tensor) -> Tensor:
    """Combine group times with the cells that each group has.

    Args:
        times: `[batch or 1, groups]` in frames.
        cells: `[tokens, 2]` (y, x) of the tokens of one group.

    Returns:
        `[batch or 1, groups * tokens, 3]`.
    """
    groups, tokens = times.shape[1], cells.shape[0]
    time = times[:, :, None, None].expand(-1, -1, tokens, 1)
    space = cells.to(times)[None, None].expand(times.shape[0], groups, -1, -1)
    return torch.cat((time, space), dim=-1).flatten(1, 2)


def _frequencies(pairs: int, base: float, device: torch.device) -> Tensor:
    return base ** -(torch.arange(pairs, device=device) / pairs)
