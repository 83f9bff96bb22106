"""Performances that nobody rendered, as the transformer trains on them.

The tokenizer's code turns curves and pose straight into latents, so a performance needs no
pictures: an hour of speech costs minutes. Rendered clips remain for what only pictures tell.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from flowact.conditioning.audio import log_mel_of_clip
from flowact.datagen.performance import motion_statistics
from flowact.datagen.performance.performance import (
    ALL_TRAINING_VOICES,
    TRAINING_VOICES,
    Performance,
    perform,
    random_script,
    rest_performance,
)
from flowact.datagen.voice.festival import missing_packages
from flowact.datagen.voice.speech import check_voices
from flowact.errors import UserError
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.code import LinearMotionCodec
from flowact.training.data.latents import LatentClip

FIRST_SEED = 10_000_000
"""Imagined clips count their seeds from here, apart from rendered ones."""


def training_voices(which: Literal["all", "english"]) -> tuple[str, ...]:
    """The voices that imagined clips speak with.

    Raises:
        UserError: one of them cannot speak here; the message names what to install.
    """
    check_voices(set(TRAINING_VOICES))
    if which == "english":
        return TRAINING_VOICES
    if missing := missing_packages():
        raise UserError(
            f"Some voices are not installed. Install the Debian packages {' '.join(missing)}, "
            "or ask for English voices only: --voices english, or voices: english in a budget."
        )
    return ALL_TRAINING_VOICES


def shipped_codes() -> tuple[LinearMotionCodec, LinearMotionCodec]:
    """The codes of the whole and of the face view, with the statistics under `assets`."""
    mean, deviation = map(torch.from_numpy, motion_statistics.load())
    codes = LinearMotionCodec("whole", len(mean)), LinearMotionCodec("face", len(mean))
    for code in codes:
        code.adopt(mean, deviation)
    return codes


def coded(codes: tuple[LinearMotionCodec, LinearMotionCodec], readouts: Tensor) -> Tensor:
    """Latents `[n, 16, 8, 16]` of curves and pose `[4 * n, channels]`."""
    return torch.cat(
        [code.motion_to_latents(code.normalise(readouts)[None])[0] for code in codes], -1
    )


def make_clip(
    codes: tuple[LinearMotionCodec, LinearMotionCodec],
    seed: int,
    seconds: float,
    split: str = "train",
    voices: Sequence[str] = TRAINING_VOICES,
) -> LatentClip:
    """A random performance by one of the voices, or in held-out splits by theirs, as an encoded clip."""
    rng = np.random.default_rng([seed, 11])
    performance = perform(random_script(rng, seconds, split, voices), seed)
    return encode_performance(codes, performance, seed, smile=float(rng.uniform(0.2, 0.4)))


def encode_performance(
    codes: tuple[LinearMotionCodec, LinearMotionCodec],
    performance: Performance,
    seed: int,
    smile: float,
) -> LatentClip:
    """A performance as an encoded clip; its reference is a portrait with some of a smile, 0..1."""
    motion = torch.from_numpy(motion_statistics.readouts(performance))
    return LatentClip(
        z=coded(codes, motion).half(),
        reference=coded(codes, _rest(smile)).half(),
        mel=log_mel_of_clip(torch.from_numpy(performance.audio)[None])[0].half(),
        motion=motion.half(),
        behaviour=torch.from_numpy(performance.behaviour),
        meta={"seed": seed, "voice": performance.voice, "text": performance.text, "imagined": True},
    )


def make_folder(folder: Path, count: int, seconds: float, voices: Sequence[str]) -> int:
    """Write the imagined clips that `<split>/` lacks, the split being the folder's name; count them."""
    codes, made = shipped_codes(), 0
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        path = folder / f"{seed}.safetensors"
        if not path.exists():
            make_clip(codes, seed, seconds, folder.name, voices).save(path)
            made += 1
    return made


def _rest(smile: float) -> Tensor:
    curves, pose = rest_performance(smile)
    row = np.concatenate([curves, pose.ravel()]).astype(np.float32)
    return torch.from_numpy(row).expand(FRAMES_PER_LATENT, -1)
