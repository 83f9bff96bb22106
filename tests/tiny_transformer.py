"""A transformer of the real architecture that is small enough for exact tests."""

import torch

from flowact.mmdit.model import FlowActTransformer

SIZES = {"dim": 32, "audio_dim": 16, "text_dim": 16, "heads": 2, "head_dim": 16, "layers": 2}


def tiny_transformer(**sizes: int) -> FlowActTransformer:
    """Random weights everywhere: the zero-initialised layers would hide what flows through them."""
    torch.manual_seed(1)
    model = FlowActTransformer(**{**SIZES, **sizes}).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model
