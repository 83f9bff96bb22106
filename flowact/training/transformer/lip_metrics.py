"""How well a model's latents speak: measured through the linear read-out, without a picture."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from flowact.conditioning.audio import MEL_PER_TOKEN, SILENT_MEL
from flowact.training.data.augmentation import SILENCE_MARGIN
from flowact.training.data.latents import LatentClip
from flowact.training.loop.metrics import correlation
from flowact.training.transformer.latent_probe import LatentProbe, curve_index

QUIET_FRAMES = 3
"""Frames before and after a frame that must be silent too for its mouth to count as silent."""


def lip_scores(
    made: Tensor, wrong: Tensor, clips: Sequence[LatentClip], readout: LatentProbe
) -> dict[str, float]:
    """Compare the curves of generated latents with the true ones.

    Args:
        made: what a model makes of the clips' sound, `[clips, latents, channels, height, width]`.
        wrong: the same with the sound of other clips.
        clips: held-out clips of one length; at least two.
        readout: latents to curves.

    Returns:
        `lips`: mean correlation of jaw opening with the truth, clip by clip; `lips_wrong`: the same
        with the sound of another clip, which should be near 0; `lips_read`: the same for the
        read-out of the true latents, the most that can be had; `blink`: frames with shut eyes over
        the true number; `silence`: mean jaw opening in silence above the truth's; `motion`: mean
        change between latents over the truth's.
    """
    length = made.shape[1]
    clips = [clip.shortened(length) for clip in clips]
    true = torch.stack([clip.z.float() for clip in clips])
    curves = torch.stack([clip.curves.float() for clip in clips])
    jaw, blink = curve_index("jawOpen"), curve_index("eyeBlinkLeft")
    read = readout.motion(made)
    quiet = torch.stack([quiet_frames(clip.mel)[: 4 * length] for clip in clips])
    return {
        "lips": correlation(read[..., jaw], curves[..., jaw]),
        "lips_wrong": correlation(readout.motion(wrong)[..., jaw], curves[..., jaw]),
        "lips_read": correlation(readout.motion(true)[..., jaw], curves[..., jaw]),
        "blink": _ratio(
            (read[..., blink] > 0.5).float().mean(), (curves[..., blink] > 0.5).float().mean()
        ),
        "silence": float((read[..., jaw] - curves[..., jaw])[quiet].mean()),
        "motion": _ratio(made.diff(dim=1).abs().mean(), true.diff(dim=1).abs().mean()),
    }


def quiet_frames(mel: Tensor) -> Tensor:
    """Tell which frames of `mel [4 * frames, 80]` lie well inside silence, `[frames]` bool."""
    loud = (mel.float().amax(-1) >= SILENT_MEL + SILENCE_MARGIN).unflatten(0, (-1, MEL_PER_TOKEN))
    near = F.max_pool1d(loud.any(-1).float()[None], 2 * QUIET_FRAMES + 1, 1, QUIET_FRAMES)[0]
    return near == 0


def _ratio(value: Tensor, truth: Tensor) -> float:
    return float(value / truth.clamp(min=1e-3))
