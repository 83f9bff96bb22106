"""Latents of a video, by a tokenizer that may want to know the landmarks of its frames."""

from typing import Protocol

import torch
from torch import Tensor

from flowact.portrait import frame_points


class LatentEncoder(Protocol):
    """The part of a tokenizer that makes latents."""

    @property
    def uses_landmarks(self) -> bool:
        """Whether it makes use of landmarks."""

    def encode(self, frames: Tensor, reference: Tensor, points: Tensor | None = None) -> Tensor:
        """Encode `frames [1, 4 * n, 3, 480, 480]`, `reference [1, 3, 480, 480]` in -1..1."""


def encode_video(tokenizer: LatentEncoder, frames: Tensor, reference: Tensor) -> Tensor:
    """Latents of frames `[1, 4 * n, 3, 480, 480]` in [-1, 1] of the person of a reference `[1, 3, 480, 480]`.

    Their landmarks are given if the tokenizer uses them.
    """
    if not tokenizer.uses_landmarks:
        return tokenizer.encode(frames, reference)
    points = frame_points(torch.cat([reference, frames[0]]))
    return tokenizer.encode(frames, reference, points[None].to(frames.device))
