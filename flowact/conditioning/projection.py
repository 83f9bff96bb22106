"""What the transformer makes of features of pretrained networks: tokens of its own widths."""

from itertools import cycle, islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowact.conditioning.audio import DILATIONS, Mixing


class AudioProjection(nn.Module):
    """Features of sound, one row per video frame, to audio tokens; in the place of `AudioEncoder`.

    Args:
        width: of the features.
        dim: of the tokens.
        layers: convolutions along the tokens.
    """

    def __init__(self, width: int, dim: int, layers: int) -> None:
        super().__init__()
        self.unknown = nn.Parameter(torch.randn(dim) * 0.02)
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, dim)
        self.mixing = nn.Sequential(
            *(Mixing(dim, dilation) for dilation in islice(cycle(DILATIONS), layers))
        )

    def forward(self, features: Tensor, known: Tensor) -> Tensor:
        """Features `[batch, tokens, width]` and which of them may be heard, to `[batch, tokens, dim]`."""
        if features.shape[:2] != known.shape:
            raise ValueError(f"{features.shape[1]} rows of features for {known.shape[1]} tokens")
        x = self.project(self.norm(features.to(self.norm.weight.dtype)))
        unknown = self.unknown.to(x.dtype)
        x = self.mixing(torch.where(known[..., None], x, unknown))
        return torch.where(known[..., None], x, unknown)


class TextProjection(nn.Module):
    """Embeddings of a text to text tokens, one each; in the place of `TextEncoder`.

    Args:
        width: of the embeddings.
        dim: of the tokens.
        tokens: of a text.
    """

    def __init__(self, width: int, dim: int, tokens: int) -> None:
        super().__init__()
        self.empty = nn.Parameter(torch.randn(tokens, dim) * 0.5)
        self.layers = nn.Sequential(nn.Linear(width, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, embeddings: Tensor) -> Tensor:
        """`[..., tokens, width]` to `[..., tokens, dim]`; what is all zeros becomes learned tokens."""
        there = (embeddings != 0).any(-1, keepdim=True)
        embedded = self.layers(embeddings.to(self.empty.dtype))
        return torch.where(there, F.layer_norm(embedded, embedded.shape[-1:]), self.empty)
