"""Putting the two views together: the whole frame, and the face pasted into it."""

from typing import Protocol

import torch
from torch import Tensor

from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.kernels.pixel_kernels import composite, interleave, paste
from flowact.tokenizer.view_layers import Layers, compose, view_maps
from flowact.tokenizer.views import FACE, VIEW_SIZE, WHOLE


class Compositor(Protocol):
    """How finished frames are put together; one frame of every session at a time."""

    def whole(self, layers: Layers, picture: Tensor) -> Tensor:
        """Paint the whole frame from its layers and the reference `[n, 3, 480, 480]`."""

    def finish(self, whole: Tensor, face: Layers, picture: Tensor) -> Tensor:
        """Paste the face into what `whole` made, and return the frames."""


class FloatCompositor:
    """Frames `[n, 3, 480, 480]` in [-1, 1].

    Args:
        seam: weight of the face view, `[240, 240]`.
    """

    def __init__(self, seam: Tensor) -> None:
        self.seam = seam.float()

    def whole(self, layers: Layers, picture: Tensor) -> Tensor:
        """See `Compositor`."""
        return compose(layers, picture, WHOLE, FRAME_SIZE)

    def finish(self, whole: Tensor, face: Layers, picture: Tensor) -> Tensor:
        """See `Compositor`."""
        detail = compose(face, picture, FACE, VIEW_SIZE).clamp_(-1, 1)
        return paste_face(whole.clamp_(-1, 1), detail, self.seam)


class Uint8Compositor(FloatCompositor):
    """Frames as uint8 `[n, 480, 480, 3]`."""

    def finish(self, whole: Tensor, face: Layers, picture: Tensor) -> Tensor:
        """See `Compositor`."""
        return to_uint8(super().finish(whole, face, picture))


class NumbaCompositor:
    """Like `Uint8Compositor`, on a processor and in one pass through memory for every view.

    The whole view's paint has 120 cells a side.
    """

    def __init__(self, seam: Tensor) -> None:
        self.seam = seam.float().numpy()

    def whole(self, layers: Layers, picture: Tensor) -> Tensor:
        """Levels `[n, 3, 480, 480]`, uint8; see `Compositor`."""
        overlay = torch.cat([layers.mask, layers.paint], 1).numpy()
        levels = torch.empty(picture.shape, dtype=torch.uint8)
        maps = zip(
            layers.flow.numpy(), overlay, picture.flatten(2).numpy(), levels.numpy(), strict=True
        )
        for flow, cover, colours, target in maps:
            composite(flow, cover, colours, target)
        return levels

    def finish(self, whole: Tensor, face: Layers, picture: Tensor) -> Tensor:
        """See `Compositor`."""
        warp, mask, paint = view_maps(face, picture, FACE, VIEW_SIZE)
        for row, target in enumerate(whole.numpy()):
            maps = (part[row].contiguous().numpy() for part in (warp, mask, paint))
            paste(*maps, self.seam, FACE.left, FACE.top, target)
        pixels = whole.new_empty(len(whole), *whole.shape[2:], 3)
        for planes, target in zip(whole.numpy(), pixels.numpy(), strict=True):
            interleave(planes, target)
        return pixels


def feather_mask(width: int) -> Tensor:
    """Weight of the face view inside its box, `[240, 240]`: 0 at the border, 1 from `width` pixels inwards.

    The ramp is a smoothstep, so that neither the weight nor its slope jumps and no seam shows.
    """
    centres = torch.arange(FACE.size) + 0.5
    inwards = (torch.minimum(centres, FACE.size - centres) / width).clamp(0, 1)
    ramp = inwards.square() * (3 - 2 * inwards)
    return ramp[:, None] * ramp[None, :]


def paste_face(whole: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Blend faces `[n, 3, 240, 240]` into frames `[n, 3, 480, 480]`, which are overwritten and returned."""
    rows, columns = FACE.top + FACE.size, FACE.left + FACE.size
    whole[..., FACE.top : rows, FACE.left : columns].lerp_(face, mask)
    return whole


def to_uint8(frames: Tensor) -> Tensor:
    """`[n, 3, height, width]` in [-1, 1] to uint8 `[n, height, width, 3]`.

    `frames` are overwritten: fresh memory for every frame costs more than the arithmetic.
    """
    levels = frames.mul_(127.5).add_(128).clamp_(0, 255).to(torch.uint8)
    return torch.stack(levels.unbind(1), -1)  # twice as fast as a permuted copy
