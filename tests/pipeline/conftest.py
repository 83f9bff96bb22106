"""A pipeline of tiny networks with random weights: every path, no assets, no waiting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from flowact.media import Recording
from flowact.mmdit.model import FlowActTransformer
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.sampling import FlowActScheduler
from flowact.tokenizer.tokenizer import Tokenizer

TINY_VIEW = {
    "encoder_widths": (16, 16, 16, 16, 16),
    "reference_widths": (16, 16, 16, 16, 16),
    "trunk_widths": (16, 16, 16),
    "frame_widths": (16, 16, 16),
    "trunk_blocks": (1, 1, 1),
    "frame_blocks": (1, 1, 1),
}


def randomise(network: torch.nn.Module) -> None:
    """Fill layers that start at zero too, so that what goes in shows in what comes out."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))


@pytest.fixture(scope="session")
def pipeline() -> FlowActPipeline:
    transformer = FlowActTransformer(
        dim=32, audio_dim=16, text_dim=16, heads=2, head_dim=16, layers=2, mlp_ratio=2.0
    )
    tokenizer = Tokenizer(TINY_VIEW | {"view": "whole"}, TINY_VIEW | {"view": "face"})
    for network in (transformer, tokenizer):
        randomise(network)
    return FlowActPipeline(transformer.eval(), tokenizer.eval(), FlowActScheduler())


@pytest.fixture(scope="session")
def picture() -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:480, 0:480]
    shades = [rows / 2, columns / 2, (rows + columns) / 4]
    return np.stack(shades, axis=-1).clip(0, 255).astype(np.uint8)


def speech(seconds: float, seed: int = 0) -> Recording:
    """Noise that swells four times a second, as syllables do."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return Recording.from_samples(0.2 * noise * np.sin(4 * np.pi * time) ** 2)
