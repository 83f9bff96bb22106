"""When a person blinks.

A blink lasts a fifth of a second and follows from nothing that is heard, so a model of few steps, which
tends to the mean of all that could happen, keeps the eyes half open or never shuts them. As in SadTalker
(arXiv 2211.12194), blinks are therefore a condition: for every latent, whether the lids fall in it, and in
which of its frames. A session's blinks are a pure function of its seed and the time.
"""

from typing import Final

import torch
from torch import Tensor

from flowact.mmdit.model import BLINK_KINDS
from flowact.streaming.noise import splitmix64
from flowact.timebase import FRAMES_PER_LATENT

OPEN: Final = 0
"""No lid falls in this latent; `1 + f` says that one falls in its frame `f`."""
UNKNOWN: Final = BLINK_KINDS - 1
"""Let the model decide."""

PERIOD: Final = 12
"""Latents of a stretch of time, 1.92 s, in which at most one blink begins."""
SPAN: Final = 10
"""Latents of a stretch in which it may begin; the rest keeps two blinks apart."""
PROBABILITY: Final = 0.6
"""Of a blink in a stretch: 19 a minute, as people blink who listen or talk."""


def scheduled(generators: Tensor, first: Tensor, latents: int) -> Tensor:
    """The blinks of a batch of sessions, `[batch, latents]` int64 of `BLINK_KINDS`.

    Args:
        generators: `[batch, 2]`, see `noise`; only the seeds matter.
        first: index of each session's first latent `[batch]`.
        latents: how many from there on.
    """
    starts = zip(generators[:, 0].tolist(), first.tolist(), strict=True)
    rows = [[_kind(seed, start + i) for i in range(latents)] for seed, start in starts]
    return torch.tensor(rows, dtype=torch.int64)


def blink_onsets(lids: Tensor) -> Tensor:
    """The blinks of a motion: closure of the lids `[..., 4 * n]` in 0..1 to `[..., n]` of `BLINK_KINDS`."""
    shut = lids > 0.5
    before = torch.cat((torch.zeros_like(shut[..., :1]), shut[..., :-1]), -1)
    falls = (shut & ~before).unflatten(-1, (-1, FRAMES_PER_LATENT)).long()
    first = falls.argmax(-1)
    return torch.where(falls.any(-1), 1 + first, OPEN)


def _kind(seed: int, latent: int) -> int:
    stretch, place = divmod(latent, PERIOD)
    draw = splitmix64(splitmix64(seed) + stretch)
    due = draw % 1000 < 1000 * PROBABILITY
    frame = (draw >> 16) % (SPAN * FRAMES_PER_LATENT)
    if not due or place != frame // FRAMES_PER_LATENT:
        return OPEN
    return 1 + frame % FRAMES_PER_LATENT
