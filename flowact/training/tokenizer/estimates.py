"""What the encoders and the landmark network say of the frames of clips, and what is true: computed once."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from flowact.datagen.clip import Clip
from flowact.errors import UserError
from flowact.files import atomic_write
from flowact.motion.mirror import mirrored_motion
from flowact.portrait import frame_points
from flowact.tokenizer.code import LinearMotionCodec
from flowact.tokenizer.encoding.landmark_correction import landmark_numbers, mirrored_numbers
from flowact.tokenizer.tokenizer import Tokenizer

EVERY = 3
"""Frames from one that is looked at to the next: neighbours are alike, people are not."""


@dataclass(frozen=True)
class Estimates:
    """Frames of which the motion is known.

    Attributes:
        numbers: see `landmark_numbers`, `[n, inputs]`.
        estimate: standardised curves and pose as the encoders see them, `[n, channels]`.
        truth: as they are, `[n, channels]`.
    """

    numbers: Tensor
    estimate: Tensor
    truth: Tensor

    @classmethod
    def join(cls, parts: "list[Estimates]") -> "Estimates":
        """The frames of several clips."""
        return cls(**{f.name: torch.cat([getattr(p, f.name) for p in parts]) for f in fields(cls)})

    def with_mirrored(self, code: LinearMotionCodec) -> "Estimates":
        """These frames, and those of the mirrored people: encoders see both alike."""
        motions = (
            code.normalise(mirrored_motion(code.restore(motion)))
            for motion in (self.estimate, self.truth)
        )
        return Estimates.join([self, Estimates(mirrored_numbers(self.numbers, code), *motions)])

    def where_faces_were_found(self) -> "Estimates":
        """The frames of whose landmarks all are known."""
        found = ~self.numbers.isnan().any(1)
        return Estimates(*(getattr(self, f.name)[found] for f in fields(self)))


def estimate_clips(tokenizer: Tokenizer, clips: Path, kept: Path) -> Estimates:
    """Look at the rendered clips of a folder; what was looked at before is read from `kept`.

    Raises:
        UserError: there is no clip, or no face in any.
    """
    kept.mkdir(parents=True, exist_ok=True)
    parts = []
    for path in sorted(clips.glob("*.npz")):
        file = kept / f"{path.stem}.safetensors"
        if not file.exists():
            made = estimate_clip(tokenizer, Clip.load(path))
            tensors = {f.name: getattr(made, f.name) for f in fields(made)}
            with atomic_write(file) as target:
                save_file(tensors, target)
        parts.append(Estimates(**load_file(file)).where_faces_were_found())
    if not sum(len(part.truth) for part in parts):
        raise UserError(f"{clips} holds no clips with faces (.npz files are expected).")
    return Estimates.join(parts)


@torch.inference_mode()
def estimate_clip(tokenizer: Tokenizer, clip: Clip) -> Estimates:
    """Look at every third frame of a clip, without any correction."""
    pictures = torch.from_numpy(clip.pictures(slice(None))[::EVERY].copy())
    frames, reference = (
        picture.movedim(-1, -3).float() / 127.5 - 1
        for picture in (pictures, torch.from_numpy(clip.reference_image().copy())[None])
    )
    whole, face = tokenizer.estimates(frames[None], reference)
    points = frame_points(torch.cat([reference, frames]))[None]
    motion = np.concatenate([clip.curves, clip.pose.reshape(len(clip), -1)], 1)[::EVERY]
    motion = motion.astype(np.float32)
    return Estimates(
        landmark_numbers(whole, face, points)[0],
        torch.lerp(whole, face, tokenizer.face_share.float())[0],
        tokenizer.whole.code.normalise(torch.from_numpy(motion)),
    )
