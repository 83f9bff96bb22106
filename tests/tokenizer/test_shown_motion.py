import torch

from flowact.motion.arkit import ARKIT
from flowact.motion.blinks import BLINKS
from flowact.motion.gaze import saccades
from flowact.motion.joints import JOINTS, joint
from flowact.tokenizer.code import LinearMotionCodec
from flowact.tokenizer.shown_motion import (
    MotionPostprocessor,
    ShownMotion,
    followed,
    with_lowered_arms,
    with_saccades,
    with_swings,
    with_whole_blinks,
    with_whole_gestures,
)
from tests.motion.test_gestures import posed

CHANNELS = len(ARKIT) + 3 * len(JOINTS)


def codec() -> LinearMotionCodec:
    made = LinearMotionCodec("whole", CHANNELS)
    generator = torch.Generator().manual_seed(0)
    mean, deviation = torch.rand(2, CHANNELS, generator=generator)
    made.adopt(mean * 0.1, deviation + 0.5)
    return made


def motion(pose: torch.Tensor) -> torch.Tensor:
    """Four frames `[1, 4, channels]` of a pose `[1, J, 3]` and a face at rest, as they are."""
    return torch.cat([torch.zeros(1, len(ARKIT)), pose.flatten(1)], 1)[:, None].repeat(1, 4, 1)


def test_a_half_made_gesture_is_made_whole_and_nothing_else_changes() -> None:
    code = codec()
    still = code.normalise(motion(posed("wave", 0)))
    half = code.normalise(motion(posed("thumbs_up", 0.65)))
    shown = with_whole_gestures(half, still[:, -1], code, 1.0)
    torch.testing.assert_close(
        code.restore(shown), motion(posed("thumbs_up", 1)), atol=1e-5, rtol=0
    )
    assert torch.equal(with_whole_gestures(still, still[:, -1], code, 1.0), still)


def test_a_blink_is_made_whole_in_each_frame_and_nothing_else_changes() -> None:
    code, asked = codec(), torch.zeros(1, 4, CHANNELS)
    asked[:, 1:3, BLINKS] = 0.78
    shown = code.restore(with_whole_blinks(code.normalise(asked), code, 1.0))
    torch.testing.assert_close(
        shown[..., BLINKS], (asked[..., BLINKS] > 0).float(), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(shown[:, ::3], asked[:, ::3], atol=1e-5, rtol=0)
    assert torch.equal(shown[..., len(ARKIT) :].round(decimals=4), asked[..., len(ARKIT) :])


def test_the_arms_of_those_who_are_named_hang_and_nothing_else_changes() -> None:
    code = codec()
    raised = code.normalise(motion(posed("point", 1)) + 0.01).repeat(2, 1, 1)
    lowered = with_lowered_arms(raised, torch.tensor([True, False]), code)
    assert torch.equal(lowered[1], raised[1])
    pose = code.restore(lowered)[0, 0, len(ARKIT) :].unflatten(0, (-1, 3))
    arm, head = (pose[joint(name)] for name in ("forearm_left", "head"))
    torch.testing.assert_close(arm, torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(head, torch.full((3,), 0.01), atol=1e-5, rtol=0)
    unchanged = lowered[0] == raised[0]
    assert unchanged[:, : len(ARKIT)].all() and unchanged.sum() > 4 * (CHANNELS - 2 * 18)


def test_raised_hands_wave() -> None:
    code, numbers = codec(), torch.arange(4)[None]
    waving = code.normalise(motion(posed("wave", 1)))
    moved = code.restore(with_swings(waving, numbers, code, 1.0)) - code.restore(waving)
    turned = moved[0, :, len(ARKIT) + 3 * joint("upper_arm_left") + 2]
    assert (turned.diff() > 0.01).all()
    assert not (moved.abs() > 1e-5).sum(1).gt(0).sum() > 1, "nothing else"


def test_eyes_jump_with_their_curves_and_nothing_else_changes() -> None:
    code, asked = codec(), torch.zeros(1, 80, CHANNELS)
    shown = code.restore(with_saccades(code.normalise(asked), torch.arange(80)[None], code, 1.0))
    moving = (shown.abs() > 1e-4).any(1)[0]
    looks = [name.startswith("eyeLook") for name in ARKIT]
    poses = torch.zeros(len(JOINTS), 3, dtype=torch.bool)
    poses[[joint("eye_left"), joint("eye_right")], :2] = True
    assert torch.equal(moving, torch.cat([torch.tensor(looks), poses.flatten()]))


def test_frames_are_counted_from_latent_to_latent_and_what_is_shown_is_not_followed() -> None:
    code = codec()
    asked = 0.1 * torch.randn(1, 80, CHANNELS, generator=torch.Generator().manual_seed(1))
    shown = []
    for amount in (0.0, 1.0):
        postprocessor = MotionPostprocessor(code, 0.5, 1.0, 1.0, amount)
        past, rows = ShownMotion.held(asked[:, :4]), []
        for four in asked.split(4, 1):
            past = postprocessor.next(past, four)
            rows.append(past.shown)
        assert past.frames.tolist() == [80]
        shown.append(code.restore(torch.cat(rows, 1)))
    eye = len(ARKIT) + 3 * joint("eye_left")
    turned = (shown[1] - shown[0])[0, :, eye : eye + 2].flip(-1)
    torch.testing.assert_close(turned, saccades(torch.arange(80)), atol=1e-5, rtol=0)
    assert turned.abs().max() > 0.005


def test_nothing_is_made_of_a_motion_where_it_is_not_asked_for() -> None:
    asked = torch.randn(1, 4, CHANNELS)
    before = ShownMotion.held(torch.randn(1, 4, CHANNELS))
    assert torch.equal(MotionPostprocessor(codec()).next(before, asked).shown, asked)


def test_movements_are_followed_and_what_is_not_smoothed_is_shown_at_once() -> None:
    share = torch.tensor([1.0, 0.5])
    shown, aim = followed(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 4, 2), share)
    assert torch.equal(shown[0, :, 0], torch.ones(4))
    assert (shown[0, :, 1].diff() > 0).all() and shown[0, -1, 1] < 1
    assert torch.equal(aim, torch.tensor([[1.0, 0.9375]]))
