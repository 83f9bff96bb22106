"""The motion of a mirrored person, and their landmarks."""

from functools import lru_cache

import torch
from torch import Tensor

from flowact.motion.arkit import ARKIT
from flowact.motion.face_points import MIRROR
from flowact.motion.joints import JOINTS

_HINGES = ("fingers", "index")
"""Joints whose numbers are about hinges of their own, which are mirrored, too; see `flowact.motion.joints`."""


def mirrored_motion(motion: Tensor) -> Tensor:
    """Curves, then pose, `[..., 52 + 3 J]`: left becomes right, and turns to the side change their sign."""
    order, signs = _channels()
    return motion[..., order] * signs.to(motion)


def mirrored_points(points: Tensor) -> Tensor:
    """Landmarks `[..., 89, 2]` about the line `x = 0`."""
    return points[..., list(MIRROR), :] * points.new_tensor([-1.0, 1.0])


@lru_cache(maxsize=1)
def _channels() -> tuple[Tensor, Tensor]:
    """From where each channel comes, and its sign."""
    order = [ARKIT.index(_swapped(name)) for name in ARKIT]
    signs = [1.0] * len(ARKIT)
    for name in JOINTS:
        first = len(ARKIT) + 3 * JOINTS.index(_swapped(name))
        order += range(first, first + 3)
        signs += [1.0] * 3 if name.startswith(_HINGES) else [1.0, -1.0, -1.0]
    return torch.tensor(order), torch.tensor(signs)


def _swapped(name: str) -> str:
    """The same on the other side."""
    for one, other in (("left", "right"), ("Left", "Right")):
        if one in name:
            return name.replace(one, other)
        if other in name:
            return name.replace(other, one)
    return name
