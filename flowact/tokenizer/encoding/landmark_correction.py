"""What the landmarks of a face say of its motion beyond what the encoders of the views see."""

import torch
from torch import Tensor, nn

from flowact.motion.face_points import POINTS
from flowact.motion.mirror import mirrored_motion, mirrored_points
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.code import LinearMotionCodec
from flowact.tokenizer.layers import zero_init

DROPOUT = 0.4
_MOVED, _SHAPE, _PLACE = 10.0, 3.0, 8.0
"""Factors by which what is measured in sizes of the face, or of the frame, comes to about 1."""


class LandmarkCorrection(nn.Module):
    """Corrects estimated curves and pose by landmarks, which a network for landmarks finds to the pixel.

    Encoders tell whether a mouth smiles, but are off by a degree in how far a head is turned. Dense landmarks tell the
    shape and the pose of faces that nobody has seen before (Wood et al., ECCV 2022).

    Args:
        channels: curves and pose numbers of a frame.
        width: of the first of two hidden layers; the second one is half as wide.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        inputs = 2 * channels + 4 * len(POINTS) + 3
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        self.enter = nn.Linear(inputs, width)
        self.middle = nn.Linear(width, width // 2)
        self.leave = zero_init(nn.Linear(width // 2, channels))
        self.dropout = nn.Dropout(DROPOUT)

    def adopt(self, numbers: Tensor) -> None:
        """Standardise by the moments of `numbers [n, inputs]` from now on."""
        self.mean.copy_(numbers.mean(0))
        self.deviation.copy_(numbers.std(0).clamp(min=1e-2))

    def forward(self, numbers: Tensor, noise: float = 0.0) -> Tensor:
        """What is to be added to standardised curves and pose, `[..., channels]`; 0 where a face was not found.

        Args:
            numbers: what `landmark_numbers` says, `[..., inputs]`.
            noise: deviation of what is added to them in training, in theirs.
        """
        known = ~numbers.isnan().any(-1, keepdim=True)
        given = (numbers.nan_to_num() - self.mean.float()) / self.deviation.float()
        if noise:
            given = given + noise * torch.randn_like(given)
        hidden = given.to(self.enter.weight.dtype)
        for layer in (self.enter, self.middle):
            hidden = self.dropout(nn.functional.silu(layer(hidden)))
        correction: Tensor = self.leave(hidden)
        return correction.float() * known


def landmark_numbers(whole: Tensor, face: Tensor, points: Tensor) -> Tensor:
    """All that a correction goes by, `[batch, n, inputs]`.

    Args:
        whole: standardised curves and pose as the whole view sees them, `[batch, n, channels]`.
        face: the same of the face view.
        points: landmarks of the reference, then of the frames, in pixels, `[batch, 1 + n, 89, 2]`.
    """
    reference, frames = points[:, :1].float(), points[:, 1:].float()
    centre = reference.mean(2, keepdim=True)
    size = (reference - centre).square().sum(-1, keepdim=True).mean(2, keepdim=True).sqrt()
    moved = (frames - reference) / size * _MOVED
    shape = ((reference - centre) / size * _SHAPE).expand_as(moved)
    place = torch.cat([centre - FRAME_SIZE / 2, size], -1) / FRAME_SIZE * _PLACE
    placed = place[:, :, 0].expand(-1, frames.shape[1], -1)
    return torch.cat([whole, face, moved.flatten(2), shape.flatten(2), placed], -1)


def mirrored_numbers(numbers: Tensor, code: LinearMotionCodec) -> Tensor:
    """What `landmark_numbers` would say of the mirrored person, `[..., inputs]`."""
    channels, coordinates = code.channels, 2 * len(POINTS)
    *seen, moved, shape, place = numbers.split([channels] * 2 + [coordinates] * 2 + [3], -1)
    motions = (code.normalise(mirrored_motion(code.restore(motion))) for motion in seen)
    points = (mirrored_points(each.unflatten(-1, (-1, 2))).flatten(-2) for each in (moved, shape))
    return torch.cat([*motions, *points, place * place.new_tensor([-1.0, 1.0, 1.0])], -1)
