"""Codecs of a preset's sizes, with random weights."""

from typing import Any

import torch

from flowact.presets import Codec
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.video.adapter import DiffusersVideoTokenizer


def random_tokenizer(
    codec: Codec, device: str | torch.device = "cpu"
) -> Tokenizer | DiffusersVideoTokenizer:
    """Make a codec with random weights; the compact one always on the processor."""
    if codec.kind == "compact":
        return Tokenizer()
    with torch.device(device):
        made: DiffusersVideoTokenizer = DiffusersVideoTokenizer(
            codec.kind, _with_statistics(codec), tiny=codec.tiny_decoder
        )
    return made


def _with_statistics(codec: Codec) -> dict[str, Any]:
    """The codec's sizes; real weights bring mean and deviation of their latents, random ones have none."""
    neutral = {"latents_mean": [0.0] * codec.channels, "latents_std": [1.0] * codec.channels}
    return {**neutral, **codec.sizes}
