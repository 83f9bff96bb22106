"""Warping: moving the pixels of the reference picture to where a frame needs them."""

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.tokenizer.views import FULL, Region, View

FLOW_CELLS = 60
"""Side of the grid of a full view on which displacements are given."""


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Bilinear enlargement of `[n, channels, h, w]` by a whole factor, in fp32 and planar layout."""
    planar = x.float().contiguous()
    if factor == 1:
        return planar
    return F.interpolate(planar, scale_factor=factor, mode="bilinear", align_corners=False)


def sampling_grid(flow: Tensor, view: View, size: int, region: Region = FULL) -> Tensor:
    """Frame coordinates to sample for each pixel of a view.

    Args:
        flow: displacement from the identity, `[n, 2, 60, 60]` or the part of it that covers the
            region, in frame coordinates (2 is the frame's width).
        view: which part of the frame the flow covers.
        size: side of the full result in pixels, a multiple of 60.
        region: the part of the view.

    Returns:
        `[n, size, size, 2]` for `grid_sample` on the whole reference; zero flow is the
        identity.
    """
    identity = view.identity_grid(size, flow.device).movedim(-1, 1)
    return (enlarge(flow, size // FLOW_CELLS) + region.cut(identity)).movedim(1, -1)


def sharpened(picture: Tensor, amount: float) -> Tensor:
    """Pictures `[batch, 3, h, w]` in [-1, 1] with more of what a small blur takes away.

    Sampling between pixels blurs; so much of that is made good beforehand, once per session.
    """
    if not amount:
        return picture
    kernel = picture.new_tensor([1.0, 2.0, 1.0]) / 4
    kernel = (kernel[:, None] * kernel).expand(picture.shape[1], 1, 3, 3)
    around = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    return (picture + amount * (picture - F.conv2d(around, kernel, groups=len(kernel)))).clamp(
        -1, 1
    )


def sample(picture: Tensor, grid: Tensor, beyond: str = "reflection") -> Tensor:
    """Sample pictures `[batch, c, H, W]` at `[batch * frames, h, w, 2]`; every picture serves its `frames` grids.

    What lies `beyond` its borders is its mirror image, whose edges no one notices; "border" repeats its last pixels,
    which makes stripes. Returns `[batch * frames, c, h, w]` in fp32.
    """
    frames = len(grid) // len(picture)
    warped = [
        F.grid_sample(
            one.float().expand(frames, -1, -1, -1),
            grids,
            padding_mode=beyond,
            align_corners=False,
        )
        for one, grids in zip(picture.split(1), grid.split(frames), strict=True)
    ]
    return warped[0] if len(warped) == 1 else torch.cat(warped)
