"""Which numbers enter the decoder's convolutions: what its eight-bit form needs to know."""

from collections.abc import Iterable, Sequence
from itertools import cycle

import torch
from torch import Tensor

from flowact.pipeline.chunks import look_at
from flowact.tokenizer.convolutions.int8 import Ranges, record_ranges
from flowact.tokenizer.tokenizer import ActivationRanges, Tokenizer

LATENTS = 12
"""Of every clip, from its beginning."""


@torch.no_grad()
def calibrate(
    tokenizer: Tokenizer, portraits: Sequence[Tensor], clips: Iterable[Tensor]
) -> ActivationRanges:
    """Let portraits act out clips in turn, and return what entered the convolutions.

    Args:
        tokenizer: in float32.
        portraits: `[1, 3, 480, 480]` each, in [-1, 1].
        clips: latents `[n, 16, 8, 16]` each.
    """
    looks = [look_at(tokenizer, portrait) for portrait in portraits]
    with (
        record_ranges(tokenizer.whole.decoder) as whole,
        record_ranges(tokenizer.face.decoder) as face,
    ):
        for clip, features in zip(clips, cycle(looks), strict=False):
            state = tokenizer.initial_state(features)
            tokenizer.decode(state, clip[None, :LATENTS], features, exact=True)
    return {"whole": _rounded(whole), "face": _rounded(face)}


def _rounded(ranges: Ranges) -> dict[str, tuple[float, float]]:
    return {name: (round(low, 3), round(high, 3)) for name, (low, high) in ranges.items()}
