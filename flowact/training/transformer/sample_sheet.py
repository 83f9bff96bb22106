"""The picture that tells a person how a transformer is doing: what it makes, shown on known faces."""

from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from flowact import assets
from flowact.pipeline.chunks import look_at
from flowact.portrait import load_reference
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.tokenizer import LATENT_SHAPE, Tokenizer

SHOTS = 8
"""Pictures in a row, spread over the clip."""
SHOWN = 240
"""Side of a picture in pixels."""


def draw_motion(path: Path, made: Tensor, truth: Tensor) -> bool:
    """Write two rows for every clip, the truth above what was made; each clip on a character of its own.

    The default checkpoint's tokenizer draws them, since a stage of the transformer has none.

    Args:
        path: JPEG file to write.
        made: latents `[clips, n, 16, 8, 16]`.
        truth: the same.

    Returns:
        Whether there was a tokenizer that knows such latents.
    """
    if made.shape[2:] != LATENT_SHAPE or not assets.checkpoint().is_dir():
        return False
    tokenizer, rows = _tokenizer(assets.checkpoint()), []
    with torch.autocast("cpu", enabled=False):  # a stage measures itself in mixed precision
        for name, *clip in zip(assets.drawn_character_names(), truth, made, strict=False):
            portrait = torch.from_numpy(load_reference(assets.character(name).portrait).copy())
            rows += [_row(tokenizer, portrait, latents) for latents in clip]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(torch.cat(rows).numpy()).save(path, quality=88)
    return True


@cache
def _tokenizer(checkpoint: Path) -> Tokenizer:
    made: Tokenizer = Tokenizer.from_pretrained(checkpoint / "tokenizer")
    return made.eval().requires_grad_(False)


@torch.inference_mode()
def _row(tokenizer: Tokenizer, portrait: Tensor, latents: Tensor) -> Tensor:
    """The portrait, then pictures at equal distances, `[240, 240 * (SHOTS + 1), 3]` uint8."""
    frames = portrait.movedim(-1, 0)[None].float() / 127.5 - 1
    features = look_at(tokenizer, frames)
    shots = [portrait]
    for at in torch.linspace(1, len(latents) - 1, SHOTS).int().tolist():
        before, now = (latents[i][None].float() for i in (at - 1, at))
        state = tokenizer.steady_state(before, features)
        frames, _ = tokenizer.decode_uint8(state, now[:, None], features, exact=True)
        shots.append(frames[0, FRAMES_PER_LATENT // 2])
    step = portrait.shape[0] // SHOWN
    return torch.cat([shot[::step, ::step] for shot in shots], 1)
