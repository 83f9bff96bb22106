"""A tokenizer of the real shape and the least width."""

from dataclasses import astuple

import torch
from torch.utils._pytree import tree_flatten

from flowact.tokenizer.state import DecoderState
from flowact.tokenizer.tokenizer import Tokenizer

SMALL = {
    "encoder_widths": (16, 16, 16, 16, 16), "reference_widths": (16, 16, 16, 16, 16), "trunk_widths": (16, 16, 16),
    "trunk_blocks": (1, 1, 1), "frame_widths": (16, 16, 16), "frame_blocks": (1, 1, 1),
    "blend": (0.25, 0.5, 0.75, 1.0),
}  # fmt: skip


def small_tokenizer() -> Tokenizer:
    made = Tokenizer(
        {**SMALL, "view": "whole"}, {**SMALL, "view": "face", "paint_scale": 2, "mesh": True}
    )
    return made.eval()


def same(state: DecoderState, other: DecoderState) -> bool:
    return all(map(torch.equal, *(tree_flatten(astuple(each))[0] for each in (state, other))))
