"""Gestures that arms make or do not make, and how a raised hand waves."""

import math
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from flowact.motion.arm_mesh import ARM_SIDES, load_arm_mesh
from flowact.motion.joints import joint

ARM_JOINTS: Final = ("clavicle", "upper_arm", "forearm", "hand", "fingers", "index")
WHOLE: Final = ("wave", "think", "point", "thumbs_up", "shrug")
"""Key poses that are held once an arm has come to them."""
PARTIAL: Final = ("beat", "hands_together")
"""Key poses of talking hands, which may be raised to any height."""
RELAXED: Final = 0.35
"""Curl of the fingers of a hanging hand, in radians."""
_RISES: Final = (0.25, 0.6)
"""Share of a key pose up to which an arm hangs, and from which on it is in that pose."""
_FALLS: Final = (0.05, 0.35)
"""The same of an arm that was in that pose before."""
_LIKE, _SAME = 0.75, 0.9
"""Cosines of a pose and a key pose from which on it is taken for it a little, and wholly."""
_SWING: Final = math.radians(9)
"""Half of the angle through which an upper arm swings in the data, while its hand waves."""
SWING_FRAMES: Final = 14
"""Of one swing there and back: .56 s."""
_BREATH: Final = math.radians(1.5)
"""Most that shoulders rise and fall as somebody breathes."""


def to_whole_gestures(poses: Tensor, before: Tensor) -> Tensor:
    """What makes gestures whole that are half made.

    A generator of few steps gives the mean of an arm that hangs and one that is raised where it is in doubt. Such
    means are no poses of the data, which knows key poses and the short ways to them.

    Args:
        poses: `[batch, n, J, 3]`, see `flowact.motion.joints`.
        before: what was shown last, `[batch, J, 3]`. An arm that is raised stays so more easily than it rises.

    Returns:
        What is to be added to `poses`: 0 for arms that hang, that talk, or whose gesture is made.
    """
    added = torch.zeros_like(poses)
    for rows, keys in zip(_rows(), _key_poses(poses.device), strict=True):
        raised = _raised(poses, rows)
        shares, likeness = _compared(raised, keys)
        like, which = likeness.max(-1, keepdim=True)
        held = _compared(_raised(before, rows), keys)[0].clamp(0, 1)
        share = shares.gather(-1, which)
        sure = _sure(like) * (which < len(WHOLE))
        more = _decided(share, held[:, None].expand_as(shares).gather(-1, which)) - share
        added[..., rows, :] = (more * sure * keys[which[..., 0]]).unflatten(-1, (-1, 3))
    return added


def swing(poses: Tensor, frames: Tensor) -> Tensor:
    """What makes raised hands wave: a generator of few steps gives the mean of a swing, which stands still.

    Args:
        poses: `[batch, n, J, 3]`, see `flowact.motion.joints`.
        frames: numbers of the frames, `[batch, n]`; equal ones are at the same place of a swing.

    Returns:
        What is to be added to `poses`: 0 for arms that do not wave.
    """
    added = torch.zeros_like(poses)
    turned = _SWING * torch.sin(frames % SWING_FRAMES * (2 * math.pi / SWING_FRAMES))
    wave = WHOLE.index("wave")
    for side, rows, keys in zip(ARM_SIDES, _rows(), _key_poses(poses.device), strict=True):
        share, like = (x[..., wave] for x in _compared(_raised(poses, rows), keys))
        added[..., joint(f"upper_arm_{side}"), 2] = turned * share.clamp(0, 1) * _sure(like)
    return added


def lowered_arms(poses: Tensor) -> Tensor:
    """Poses `[..., J, 3]` whose arms hang; shoulders still rise as far as breath lifts them."""
    lowered = poses.clone()
    for rows in _rows():
        lowered[..., rows, :] = _hanging(poses)
        lowered[..., rows[0], :] = poses[..., rows[0], :].clamp(-_BREATH, _BREATH)
    return lowered


def _compared(raised: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """What share of each key pose `[K, 18]` an arm `[..., 18]` makes, and the cosine with it, `[..., K]`."""
    along = raised @ keys.mT
    lengths = (raised.square().sum(-1, keepdim=True) + 1e-6).sqrt() * keys.norm(dim=1)
    return along / keys.square().sum(1), along / lengths


def _sure(like: Tensor) -> Tensor:
    """How far a cosine with a key pose says that a pose is meant to be it, 0..1."""
    return ((like - _LIKE) / (_SAME - _LIKE)).clamp(0, 1)


def _decided(share: Tensor, held: Tensor) -> Tensor:
    """Shares of a gesture, moved away from the middle; those above 1 stay."""
    starts, made = (
        torch.lerp(held.new_tensor(low), held.new_tensor(high), held)
        for low, high in zip(_RISES, _FALLS, strict=True)
    )
    inside = ((share - starts) / (made - starts)).clamp(0, 1)
    return torch.maximum(inside.square() * (3 - 2 * inside), share * (share > 1))


def _raised(poses: Tensor, rows: list[int]) -> Tensor:
    """What an arm does beside hanging, `[..., 18]`, of poses `[..., J, 3]`."""
    return (poses[..., rows, :] - _hanging(poses)).flatten(-2)


@lru_cache(maxsize=1)
def _rows() -> tuple[list[int], ...]:
    """Rows of the joints of the left and of the right arm in a pose."""
    return tuple([joint(f"{name}_{side}") for name in ARM_JOINTS] for side in ARM_SIDES)


def _hanging(poses: Tensor) -> Tensor:
    """Joints of an arm that hangs, `[6, 3]`."""
    arm = poses.new_zeros(len(ARM_JOINTS), 3)
    arm[ARM_JOINTS.index("fingers"), 0] = RELAXED
    return arm


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # kept for calls with gradients, too
def _key_poses(device: torch.device) -> Tensor:
    """What the key poses add to hanging arms, `[2, K, 18]`, left and right."""
    keys = torch.from_numpy(load_arm_mesh().key_poses).to(device)
    return (keys - _hanging(keys)).flatten(2)
