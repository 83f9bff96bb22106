"""A pipeline of the real architecture that is small enough to run whole in a test."""

import numpy as np
import torch

from flowact.media import Recording
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.sampling import SamplingConfig
from flowact.tokenizer.tokenizer import Tokenizer
from tests.tiny_transformer import tiny_transformer

VIEW = {
    "encoder_widths": (16, 16, 16, 16, 16),
    "reference_widths": (16, 16, 16, 16, 16),
    "trunk_widths": (16, 16, 16),
    "frame_widths": (16, 16, 16),
    "trunk_blocks": (1, 1, 1),
    "frame_blocks": (1, 1, 1),
    "blend": (0.25, 0.5, 0.75, 1.0),
}


def tiny_pipeline() -> FlowActPipeline:
    """Random weights everywhere, so that what goes in shows in what comes out."""
    tokenizer = Tokenizer(VIEW | {"view": "whole"}, VIEW | {"view": "face"}).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in tokenizer.parameters():
            weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
    return FlowActPipeline(tiny_transformer(), tokenizer, SamplingConfig())


def speech(seconds: float, seed: int = 0) -> Recording:
    """Noise that swells four times a second, as syllables do."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return Recording.from_samples(0.2 * noise * np.sin(4 * np.pi * time) ** 2)
