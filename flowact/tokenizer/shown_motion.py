"""From the motion that latents ask for to the motion that is shown."""

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.motion.arkit import ARKIT
from flowact.motion.blinks import to_whole_blinks
from flowact.motion.gestures import lowered_arms, swing, to_whole_gestures
from flowact.motion.joints import JOINTS
from flowact.tokenizer.code import LinearMotionCodec


def with_whole_gestures(
    asked: Tensor, shown: Tensor, code: LinearMotionCodec, amount: float
) -> Tensor:
    """Make whole the gestures of a standardised motion that are half made; see `to_whole_gestures`.

    Args:
        asked: the motion, `[batch, 4, channels]`.
        shown: the four frames before, `[batch, 4, channels]`.
        code: of the channels.
        amount: how far, 0..1.
    """
    if not amount:
        return asked
    curves = code.channels - 3 * len(JOINTS)
    poses, before = (
        code.restore(motion)[..., curves:].unflatten(-1, (-1, 3))
        for motion in (asked, shown[:, -1])
    )
    more = to_whole_gestures(poses, before).flatten(2)
    return asked + code.normalise(F.pad(more * amount, (curves, 0)) + code.mean)


def shown_poses(motion: Tensor, frames: Tensor, code: LinearMotionCodec, amount: float) -> Tensor:
    """Poses `[batch, n, J, 3]` of a standardised motion `[batch, n, channels]`, in which hands wave; see `swing`.

    `frames` are the frames' numbers, `[batch, n]`; `amount` says how far they wave, 0..1.
    """
    poses = code.restore(motion.detach().float())[..., -3 * len(JOINTS) :].unflatten(-1, (-1, 3))
    return poses + amount * swing(poses, frames) if amount else poses


def with_lowered_arms(motion: Tensor, which: Tensor, code: LinearMotionCodec) -> Tensor:
    """A standardised motion `[batch, n, channels]` in which the arms of some hang, `which [batch]`.

    Everything else is exactly as it was; see `lowered_arms`.
    """
    curves, poses = code.restore(motion).tensor_split([len(ARKIT)], -1)
    lowered = lowered_arms(poses.unflatten(-1, (-1, 3))).flatten(-2)
    changed = F.pad((lowered != poses) & which[:, None, None], (len(ARKIT), 0))
    return torch.where(changed, code.normalise(torch.cat([curves, lowered], -1)), motion)


def with_whole_blinks(asked: Tensor, code: LinearMotionCodec, amount: float) -> Tensor:
    """Make whole the blinks of a standardised motion `[batch, 4, channels]` that are nearly made.

    See `to_whole_blinks`; `amount` says how far, 0..1.
    """
    if not amount:
        return asked
    more = amount * to_whole_blinks(code.restore(asked)[..., : len(ARKIT)])
    return asked + code.normalise(F.pad(more, (0, asked.shape[-1] - len(ARKIT))) + code.mean)


def followed(shown: Tensor, aim: Tensor, asked: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Motion to show, `[batch, 4, channels]`, and the next aim: twice a low pass, `share` of the way gone per frame.

    Args:
        shown: the four frames before, `[batch, 4, channels]`.
        aim: where they were going, `[batch, channels]`.
        asked: for the next four frames, `[batch, 4, channels]`.
        share: of each channel, `[channels]`; 1 shows what is asked for.
    """
    last, rows = shown[:, -1], []
    for row in asked.unbind(1):
        aim = torch.lerp(aim, row, share)
        last = torch.lerp(last, aim, share)
        rows.append(last)
    return torch.stack(rows, 1), aim
