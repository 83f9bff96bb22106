"""A small text encoder: what the character shall do, as a few tokens.

Words and character trigrams are hashed into a table, so any spelling gives a vector and a phrase
that shares words or stems with known ones lands near them. It is trained together with the
transformer.
"""

import zlib
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowact.conditioning.pieces import pieces

BUCKETS: Final = 4096
"""Rows of the table; row 0 stands for nothing."""
MAX_PIECES: Final = 64


def hash_pieces(text: str) -> Tensor:
    """Rows of the table for a text, `[64]` int64, padded with 0; an empty text is all 0."""
    rows = [1 + zlib.crc32(piece.encode()) % (BUCKETS - 1) for piece in pieces(text)[:MAX_PIECES]]
    return F.pad(torch.tensor(rows, dtype=torch.int64), (0, MAX_PIECES - len(rows)))


class TextEncoder(nn.Module):
    """Mean of the pieces' vectors, then an MLP that spreads it over a few tokens."""

    def __init__(self, dim: int, tokens: int, width: int = 96) -> None:
        super().__init__()
        self.tokens = tokens
        self.table = nn.Embedding(BUCKETS, width, padding_idx=0)
        self.empty = nn.Parameter(torch.randn(width) * 0.5)
        self.layers = nn.Sequential(
            nn.Linear(width, 2 * dim), nn.GELU(), nn.Linear(2 * dim, tokens * dim)
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Encode hashed texts `[..., pieces]` as `[..., tokens, dim]`; empty ones are learned."""
        count = (rows != 0).sum(-1, keepdim=True)
        mean = self.table(rows).sum(-2) / count.clamp(min=1).sqrt().to(self.empty.dtype)
        mean = torch.where(count > 0, mean, self.empty)
        spread: Tensor = self.layers(mean).unflatten(-1, (self.tokens, -1))
        return spread
