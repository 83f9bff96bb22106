"""Where eyes look: how far they turn, the curves that go with it, and the small jumps of a living gaze."""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from torch import Tensor

from flowact.motion.arkit import ARKIT, columns
from flowact.motion.joints import JOINTS, joint

MAXIMUM_EYE: Final = np.radians([28.0, 20.0])
"""How far the eyes turn in the head: yaw and pitch in radians."""
LOOKS: Final = {
    "eyeLookOutLeft": (0, 1),
    "eyeLookInRight": (0, 1),
    "eyeLookInLeft": (0, -1),
    "eyeLookOutRight": (0, -1),
    "eyeLookDown": (1, 1),
    "eyeLookUp": (1, -1),
}
"""Curves of a turned eye: which of yaw (to the left) and pitch (down) each says, and its sign."""
_EYES: Final = [joint("eye_left"), joint("eye_right")]

_SPREAD: Final = math.radians(1.2), math.radians(0.72)
"""Standard deviation of yaw and pitch of a jump, as in the data."""
_PERIOD: Final = 27
"""Frames from one jump to the next in the mean, 1.1 s."""
_UNEVEN: Final = 9
"""Frames by which it comes earlier or later at most."""
_AT_ONCE: Final = 0.9
"""Share of a jump that is done in its first frame; the next one does the rest."""


def saccades(frames: Tensor) -> Tensor:
    """Yaw and pitch in radians, `[..., 2]`, by which a gaze has jumped aside in frames of these numbers `[...]`.

    A generator of few steps gives the mean of jumps that may come at any time, which is a stare. Fixed by the numbers
    alone, so that a stream can go on anywhere; in the first half second there is no jump.
    """
    rows = [_aside(number) for number in frames.flatten().tolist()]
    return torch.tensor(rows, device=frames.device).unflatten(0, frames.shape)


def turned_eyes(motion: Tensor, turn: Tensor) -> Tensor:
    """Curves and pose `[..., 52 + 3 J]` of somebody whose eyes turn further.

    Args:
        motion: ARKit curves, then the pose.
        turn: yaw and pitch in radians, `[..., 2]`.
    """
    curves, poses = motion.tensor_split([len(ARKIT)], -1)
    poses = poses.unflatten(-1, (len(JOINTS), 3)).clone()
    before = poses[..., _EYES[0], :2].flip(-1)
    poses[..., _EYES, :2] += turn.flip(-1)[..., None, :]
    looked = _looked(before + turn) - _looked(before)
    return torch.cat([curves + looked, poses.flatten(-2)], -1)


def _looked(angles: Tensor) -> Tensor:
    """The curves `[..., 52]` of eyes at angles `[..., 2]`."""
    curves = angles.new_zeros(*angles.shape[:-1], len(ARKIT))
    shares = angles / angles.new_tensor(MAXIMUM_EYE)
    for name, (axis, sign) in LOOKS.items():
        curves[..., columns(name)] = (sign * shares[..., axis, None]).clamp(0, 1)
    return curves


def _aside(frame: int) -> tuple[float, float]:
    """Yaw and pitch in one frame."""
    number = (frame + _UNEVEN) // _PERIOD
    while _jump(number)[0] > frame:
        number -= 1
    start, *now = _jump(number)
    _, *before = _jump(number - 1)
    done = _AT_ONCE if frame == start else 1.0
    yaw, pitch = (done * b + (1 - done) * a for a, b in zip(before, now, strict=True))
    return yaw, pitch


@lru_cache(maxsize=1024)
def _jump(number: int) -> tuple[int, float, float]:
    """The first frame of a jump, and the yaw and pitch to which it goes."""
    if number < 1:
        return number * _PERIOD, 0.0, 0.0
    random = np.random.default_rng(number)
    frame = number * _PERIOD + int(random.integers(-_UNEVEN, _UNEVEN + 1))
    yaw, pitch = (random.normal(0, _SPREAD)).tolist()
    return frame, yaw, pitch
