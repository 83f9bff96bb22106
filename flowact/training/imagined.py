"""Performances that nobody rendered, as the transformer trains on them.

The tokenizer's scaffold turns curves and pose straight into latents, so a performance needs no
pictures: an hour of speech costs a minute. Rendered clips remain for what only pictures tell.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from flowact.conditioning.audio import log_mel_of_clip
from flowact.synthesis.performance import Performance, perform, random_script, rest_performance
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.latents import LatentClip

FIRST_SEED = 10_000_000
"""Imagined clips count their seeds from here, apart from rendered ones."""


@torch.no_grad()
def scaffold_latents(tokenizer: Tokenizer, readouts: Tensor) -> Tensor:
    """Latents ``[n, 16, 8, 16]`` of true curves and pose ``[4 * n, curves + pose]``."""
    halves = [
        view.scaffold(view.readout.moments.normalise(readouts)[None], update=False)[0]
        for view in (tokenizer.whole, tokenizer.face)
    ]
    return torch.cat(halves, -1)


def imagine_clip(
    tokenizer: Tokenizer, seed: int, seconds: float, split: str = "train"
) -> LatentClip:
    """The performance of a seed, as an encoded clip."""
    rng = np.random.default_rng([seed, 11])
    performance = perform(random_script(rng, seconds, split), seed)
    smile = float(rng.uniform(0.2, 0.4))
    return LatentClip(
        z=scaffold_latents(tokenizer, _readouts(performance)).half(),
        reference=scaffold_latents(tokenizer, _rest(smile)).half(),
        mel=log_mel_of_clip(torch.from_numpy(performance.audio)[None])[0].half(),
        curves=torch.from_numpy(performance.curves).half(),
        behaviour=torch.from_numpy(performance.behaviour),
        meta={"seed": seed, "voice": performance.voice, "text": performance.text, "imagined": True},
    )


def imagine_folder(tokenizer: Tokenizer, folder: Path, count: int, seconds: float) -> int:
    """Write the imagined clips that ``<split>/`` lacks, the split being the folder's name; count them."""
    made = 0
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        path = folder / f"{seed}.safetensors"
        if not path.exists():
            imagine_clip(tokenizer, seed, seconds, folder.name).save(path)
            made += 1
    return made


def _readouts(performance: Performance) -> Tensor:
    pose = performance.pose.reshape(len(performance.pose), -1)
    return torch.from_numpy(np.concatenate([performance.curves, pose], 1).astype(np.float32))


def _rest(smile: float) -> Tensor:
    curves, pose = rest_performance(smile)
    row = np.concatenate([curves, pose.ravel()]).astype(np.float32)
    return torch.from_numpy(row).expand(FRAMES_PER_LATENT, -1)
