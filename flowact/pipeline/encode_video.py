"""Latents of a video, by a tokenizer that may want to know the landmarks of its frames."""

from typing import Protocol

import torch
from torch import Tensor

from flowact.pipeline.chunks import look_at
from flowact.portrait import frame_points
from flowact.tokenizer.encoding.registration import ROUNDS, registered
from flowact.tokenizer.tokenizer import Tokenizer


class LatentEncoder(Protocol):
    """The part of a tokenizer that makes latents."""

    @property
    def uses_landmarks(self) -> bool:
        """Whether it makes use of landmarks."""

    def encode(self, frames: Tensor, reference: Tensor, points: Tensor | None = None) -> Tensor:
        """Encode `frames [1, 4 * n, 3, 480, 480]`, `reference [1, 3, 480, 480]` in -1..1."""


@torch.no_grad()
def encode_video(
    tokenizer: LatentEncoder, frames: Tensor, reference: Tensor, rounds: int = ROUNDS
) -> Tensor:
    """Latents of frames `[1, 4 * n, 3, 480, 480]` in [-1, 1] of the person of a reference `[1, 3, 480, 480]`.

    Their landmarks are given if the tokenizer uses them, and FlowAct's own then lays its faces on those of the frames:
    `rounds` of it, see `registered`; 0 for latents as the encoders see them at one look.
    """
    if not tokenizer.uses_landmarks:
        return tokenizer.encode(frames, reference)
    points = frame_points(torch.cat([reference, frames[0]]))
    latents = tokenizer.encode(frames, reference, points[None].to(frames.device))
    if not rounds or not isinstance(tokenizer, Tokenizer):
        return latents
    features = look_at(tokenizer, reference)
    return registered(tokenizer, latents, frames, features, points[1:], rounds)
