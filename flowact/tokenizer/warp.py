"""Warping: moving the pixels of the reference picture to where a frame needs them."""

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.tokenizer.views import View


def enlarge(x: Tensor, size: int) -> Tensor:
    """Bilinear enlargement of ``[n, channels, h, h]`` to ``[n, channels, size, size]`` in fp32, planar layout."""
    planar = x.float().contiguous()
    if x.shape[-1] == size:
        return planar
    return F.interpolate(planar, size=(size, size), mode="bilinear", align_corners=False)


def sampling_grid(flow: Tensor, view: View, size: int) -> Tensor:
    """Frame coordinates to sample for each pixel of a view.

    Args:
        flow: displacement from the identity, ``[n, 2, cells, cells]``, in frame coordinates (2 is
            the frame's width).
        view: which part of the frame the flow covers.
        size: side of the result in pixels.

    Returns:
        ``[n, size, size, 2]`` for ``grid_sample`` on the whole reference; zero flow is the
        identity.
    """
    return enlarge(flow, size).permute(0, 2, 3, 1) + view.identity_grid(size, flow.device)


def sample(picture: Tensor, grid: Tensor) -> Tensor:
    """Sample pictures ``[batch, c, H, W]`` at ``[batch * frames, h, w, 2]``; every picture serves its ``frames`` grids.

    Returns ``[batch * frames, c, h, w]`` in fp32.
    """
    frames = len(grid) // len(picture)
    warped = [
        F.grid_sample(
            one.float().expand(frames, -1, -1, -1),
            grids,
            padding_mode="border",
            align_corners=False,
        )
        for one, grids in zip(picture.split(1), grid.split(frames), strict=True)
    ]
    return warped[0] if len(warped) == 1 else torch.cat(warped)
