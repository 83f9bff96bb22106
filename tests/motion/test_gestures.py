import pytest
import torch
from torch import Tensor

from flowact.motion.arm_mesh import ARM_SIDES
from flowact.motion.gestures import (
    ARM_JOINTS,
    PARTIAL,
    RELAXED,
    SWING_FRAMES,
    WHOLE,
    _key_poses,
    lowered_arms,
    swing,
    to_whole_gestures,
)
from flowact.motion.joints import JOINTS, joint


def posed(name: str, share: float, side: str = "left") -> Tensor:
    """Somebody who makes a share of a gesture with one arm, `[1, J, 3]`; the other one hangs."""
    pose = torch.zeros(1, len(JOINTS), 3)
    for each in ARM_SIDES:
        pose[:, joint(f"fingers_{each}"), 0] = RELAXED
    keys = _key_poses(pose.device)[ARM_SIDES.index(side)]
    key = keys[(*WHOLE, *PARTIAL).index(name)].unflatten(0, (len(ARM_JOINTS), 3))
    rows = [joint(f"{one}_{side}") for one in ARM_JOINTS]
    pose[:, rows] += share * key
    return pose


def whole(poses: Tensor, before: Tensor | None = None) -> Tensor:
    """Poses `[n, J, 3]` with whole gestures; before them the arms hung, unless told."""
    before = posed("wave", 0) if before is None else before
    return poses + to_whole_gestures(poses[None], before)[0]


@pytest.mark.parametrize("side", ARM_SIDES)
@pytest.mark.parametrize("name", WHOLE)
def test_a_gesture_that_is_mostly_made_becomes_whole(name: str, side: str) -> None:
    made = whole(posed(name, 0.65, side))
    torch.testing.assert_close(made, posed(name, 1, side), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", WHOLE)
def test_one_that_has_hardly_begun_is_let_go(name: str) -> None:
    torch.testing.assert_close(whole(posed(name, 0.2)), posed(name, 0), atol=1e-5, rtol=0)


def test_a_raised_arm_stays_up_more_easily_than_it_rises() -> None:
    doubtful, up = posed("thumbs_up", 0.36), posed("thumbs_up", 1)
    torch.testing.assert_close(whole(doubtful, up), up, atol=1e-5, rtol=0)
    assert whole(doubtful)[0, joint("forearm_left"), 0].abs() < 0.4
    torch.testing.assert_close(
        whole(posed("thumbs_up", 0.04), up), posed("thumbs_up", 0), atol=1e-5, rtol=0
    )


def test_it_rises_without_a_jump() -> None:
    poses = torch.cat([posed("wave", share / 100) for share in range(120)])
    levels = whole(poses)[:, joint("forearm_left"), 2]
    steps = levels.diff()
    assert (steps >= -1e-6).all() and steps.max() < 5 * (levels[-1] - levels[0]) / 100


@pytest.mark.parametrize("name", PARTIAL)
def test_talking_hands_stay_where_they_are(name: str) -> None:
    assert torch.equal(whole(posed(name, 0.5)), posed(name, 0.5))


def test_who_rests_is_left_alone_to_the_bit_and_the_rest_of_the_body_always() -> None:
    assert torch.equal(whole(posed("wave", 0)), posed("wave", 0))
    added = whole(posed("point", 0.5, "right")) - posed("point", 0.5, "right")
    arm = [joint(f"{one}_right") for one in ARM_JOINTS]
    assert added[:, arm].any()
    added[:, arm] = 0
    assert not added.any()


def test_a_waving_arm_keeps_its_swing() -> None:
    pose = posed("wave", 0.9)
    pose[:, joint("upper_arm_left"), 2] += 0.15
    assert (
        whole(pose)[0, joint("upper_arm_left"), 2]
        > posed("wave", 1)[0, joint("upper_arm_left"), 2] + 0.1
    )


def test_it_has_a_gradient() -> None:
    poses = torch.cat([posed("wave", 0), posed("wave", 0.5)]).requires_grad_()
    whole(poses).sum().backward()
    assert poses.grad is not None and poses.grad.isfinite().all()


@pytest.mark.parametrize("side", ARM_SIDES)
def test_a_raised_hand_waves_and_ends_where_it_began(side: str) -> None:
    poses, frames = posed("wave", 1, side).expand(1, 2 * SWING_FRAMES, -1, -1), torch.arange(28)
    added = swing(poses, frames[None])[0]
    turned = added[:, joint(f"upper_arm_{side}"), 2].rad2deg()
    assert 17 < turned.max() - turned.min() < 19
    assert torch.equal(turned[:SWING_FRAMES], turned[SWING_FRAMES:])
    later = swing(poses, frames[None] + SWING_FRAMES * 10**8)[0]
    assert torch.equal(later, added), "after years"
    added[:, joint(f"upper_arm_{side}"), 2] = 0
    assert not added.any(), "nothing else moves"


@pytest.mark.parametrize("name", [name for name in (*WHOLE, *PARTIAL) if name != "wave"])
def test_no_other_gesture_waves(name: str) -> None:
    assert swing(posed(name, 1)[None], torch.full((1, 1), 3)).abs().max().rad2deg() < 1


def test_lowered_arms_hang_and_shoulders_still_breathe() -> None:
    pose = posed("shrug", 1)
    pose[:, joint("head"), 1] = 0.1
    lowered = lowered_arms(pose)
    assert 0 < lowered[0, joint("clavicle_left"), 2].rad2deg() < 2
    lowered[:, joint("clavicle_left")] = 0
    hanging = posed("shrug", 0)
    hanging[:, joint("head"), 1] = 0.1
    torch.testing.assert_close(lowered, hanging)
