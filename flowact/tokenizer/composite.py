"""Putting the face back into the frame."""

import torch
from torch import Tensor

from flowact.tokenizer.views import FACE


def feather_mask(width: int) -> Tensor:
    """Weight of the face view inside its box, ``[240, 240]``: 0 at the border, 1 from ``width`` pixels inwards.

    The ramp is a smoothstep, so that neither the weight nor its slope jumps and no seam shows.
    """
    centres = torch.arange(FACE.size) + 0.5
    inwards = (torch.minimum(centres, FACE.size - centres) / width).clamp(0, 1)
    ramp = inwards.square() * (3 - 2 * inwards)
    return ramp[:, None] * ramp[None, :]


def paste_face(whole: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Blend faces ``[n, 3, 240, 240]`` into frames ``[n, 3, 480, 480]``, which are overwritten and returned."""
    rows, columns = FACE.top + FACE.size, FACE.left + FACE.size
    whole[..., FACE.top : rows, FACE.left : columns].lerp_(face, mask)
    return whole


def to_uint8(frames: Tensor) -> Tensor:
    """``[n, 3, height, width]`` in [-1, 1] to uint8 ``[n, height, width, 3]``.

    ``frames`` are overwritten: fresh memory for every frame costs more than the arithmetic.
    """
    levels = frames.mul_(127.5).add_(128).clamp_(0, 255).to(torch.uint8)
    return torch.stack(levels.unbind(1), -1)  # twice as fast as a permuted copy
