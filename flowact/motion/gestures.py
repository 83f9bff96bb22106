"""Gestures that arms make or do not make: a hand that hovers half-way is neither."""

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
        shares = raised @ keys.mT / keys.square().sum(1)
        lengths = (raised.square().sum(-1, keepdim=True) + 1e-6).sqrt() * keys.norm(dim=1)
        like, which = (raised @ keys.mT / lengths).max(-1, keepdim=True)
        held = (_raised(before, rows) @ keys.mT / keys.square().sum(1)).clamp(0, 1)
        share = shares.gather(-1, which)
        sure = ((like - _LIKE) / (_SAME - _LIKE)).clamp(0, 1) * (which < len(WHOLE))
        more = _decided(share, held[:, None].expand_as(shares).gather(-1, which)) - share
        added[..., rows, :] = (more * sure * keys[which[..., 0]]).unflatten(-1, (-1, 3))
    return added


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
