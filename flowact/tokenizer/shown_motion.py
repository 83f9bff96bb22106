"""From the motion that latents ask for to the motion that is shown."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.motion.arkit import ARKIT
from flowact.motion.blinks import to_whole_blinks
from flowact.motion.gaze import saccades, turned_eyes
from flowact.motion.gestures import lowered_arms, swing, to_whole_gestures
from flowact.motion.joints import JOINTS
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.code import LinearMotionCodec

SMOOTHED_CURVES: Final = ("brow", "eyeLook")
"""First letters of the face curves that move slowly; lips and lids must be on time."""


@dataclass(frozen=True)
class ShownMotion:
    """What a stream shows, and all of its past that the next frames depend on.

    Attributes:
        shown: standardised curves and pose of the last four frames, `[batch, 4, channels]`.
        level: the last of them, before eyes jump and hands wave, `[batch, channels]`.
        aim: what that was on its way to, `[batch, channels]`; see `followed`.
        frames: how many frames were shown, `[batch]`, on the processor: no GPU is waited for to read them.
    """

    shown: Tensor
    level: Tensor
    aim: Tensor
    frames: Tensor

    @classmethod
    def held(cls, motion: Tensor) -> "ShownMotion":
        """As if a motion `[batch, 4, channels]` had been shown for long, and nothing before a stream begins."""
        begin = torch.zeros(len(motion), dtype=torch.long)
        return cls(motion, motion[:, -1], motion[:, -1], begin)


@dataclass(frozen=True)
class MotionPostprocessor:
    """What is done to the motion of a transformer of few steps before it is shown; see `Tokenizer`.

    Attributes:
        code: of the channels.
        follow, gestures, blinks, saccades: arguments of `Tokenizer`; 1, 0, 0 and 0 show what is asked for.
    """

    code: LinearMotionCodec
    follow: float = 1.0
    gestures: float = 0.0
    blinks: float = 0.0
    saccades: float = 0.0

    def next(self, past: ShownMotion, asked: Tensor) -> ShownMotion:
        """The next four frames, of which a latent asks for a standardised motion `[batch, 4, channels]`."""
        if self.gestures:
            asked = with_whole_gestures(asked, past.level, self.code, self.gestures)
        if self.blinks:
            asked = with_whole_blinks(asked, self.code, self.blinks)
        share = torch.where(_smoothed(asked.device), self.follow, 1.0)
        levels, aim = followed(past.level, past.aim, asked, share)
        numbers = past.frames[:, None] + torch.arange(FRAMES_PER_LATENT)
        shown = levels
        if self.gestures:
            shown = with_swings(shown, numbers, self.code, self.gestures)
        if self.saccades:
            shown = with_saccades(shown, numbers, self.code, self.saccades)
        return ShownMotion(shown, levels[:, -1], aim, past.frames + FRAMES_PER_LATENT)


def with_whole_gestures(
    asked: Tensor, before: Tensor, code: LinearMotionCodec, amount: float
) -> Tensor:
    """Make whole the gestures of a standardised motion that are half made; see `to_whole_gestures`.

    Args:
        asked: the motion, `[batch, 4, channels]`.
        before: the frame before, `[batch, channels]`.
        code: of the channels.
        amount: how far, 0..1.
    """
    poses, last = (_poses(motion, code) for motion in (asked, before))
    more = amount * to_whole_gestures(poses, last)
    return asked + code.normalise_change(F.pad(more.flatten(-2), (len(ARKIT), 0)))


def with_whole_blinks(asked: Tensor, code: LinearMotionCodec, amount: float) -> Tensor:
    """Make whole the blinks of a standardised motion `[batch, 4, channels]` that are nearly made.

    See `to_whole_blinks`; `amount` says how far, 0..1.
    """
    more = amount * to_whole_blinks(code.restore(asked)[..., : len(ARKIT)])
    return asked + code.normalise_change(F.pad(more, (0, 3 * len(JOINTS))))


def with_swings(motion: Tensor, numbers: Tensor, code: LinearMotionCodec, amount: float) -> Tensor:
    """Let raised hands wave in a standardised motion `[batch, n, channels]`; see `swing`.

    `numbers` are those of the frames, `[batch, n]`; `amount` says how far they wave, 0..1.
    """
    more = amount * swing(_poses(motion, code), numbers.to(motion.device))
    return motion + code.normalise_change(F.pad(more.flatten(-2), (len(ARKIT), 0)))


def with_saccades(
    motion: Tensor, numbers: Tensor, code: LinearMotionCodec, amount: float
) -> Tensor:
    """Let eyes jump in a standardised motion `[batch, n, channels]`; see `saccades`.

    `numbers` are those of the frames, `[batch, n]`; `amount` says how far they jump, 0..1.
    """
    known = code.restore(motion)
    more = turned_eyes(known, amount * saccades(numbers).to(known)) - known
    return motion + code.normalise_change(more)


def with_lowered_arms(motion: Tensor, which: Tensor, code: LinearMotionCodec) -> Tensor:
    """A standardised motion `[batch, n, channels]` in which the arms of some hang, `which [batch]`.

    Everything else is exactly as it was; see `lowered_arms`.
    """
    poses = _poses(motion, code)
    lowered = lowered_arms(poses)
    changed = F.pad((lowered != poses).flatten(-2) & which[:, None, None], (len(ARKIT), 0))
    hanging = code.normalise(F.pad(lowered.flatten(-2), (len(ARKIT), 0)))
    return torch.where(changed, hanging, motion)


def followed(level: Tensor, aim: Tensor, asked: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Twice a low pass, `share` of the way gone per frame: what comes of it, `[batch, 4, channels]`, and the next aim.

    Args:
        level: the frame before, `[batch, channels]`.
        aim: where it was going, `[batch, channels]`.
        asked: for the next four frames, `[batch, 4, channels]`.
        share: of each channel, `[channels]`; 1 gives what is asked for.
    """
    rows = []
    for row in asked.unbind(1):
        aim = torch.lerp(aim, row, share)
        level = torch.lerp(level, aim, share)
        rows.append(level)
    return torch.stack(rows, 1), aim


def _poses(motion: Tensor, code: LinearMotionCodec) -> Tensor:
    """Poses `[..., J, 3]` of a standardised motion `[..., channels]`."""
    return code.restore(motion)[..., len(ARKIT) :].unflatten(-1, (len(JOINTS), 3))


@lru_cache(maxsize=4)
@torch.inference_mode(False)  # kept for calls with gradients, too
def _smoothed(device: torch.device) -> Tensor:
    """Which channels `follow` concerns."""
    curves = [name.startswith(SMOOTHED_CURVES) for name in ARKIT]
    return torch.tensor(curves + [True] * (3 * len(JOINTS)), device=device)
