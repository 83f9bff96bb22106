"""The parts of the transformer that know nothing of video, audio or text."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowact.mmdit import token_kernels
from flowact.mmdit.number_bits import takes


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention without a mask.

    On a CPU the fused kernel of PyTorch computes in float32 whatever the input, which makes two
    plain bfloat16 products about three times faster at the sizes of this model.

    Args:
        query: `[batch, heads, queries, head_dim]`.
        key: `[batch, heads, keys, head_dim]`.
        value: `[batch, heads, keys, head_dim]`.

    Returns:
        `[batch, heads, queries, head_dim]`.
    """
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value)
    scores, factor = query @ key.transpose(-1, -2), query.shape[-1] ** -0.5
    if takes(scores):
        return token_kernels.softmax(scores, factor) @ value
    found: Tensor = (scores * factor).softmax(dim=-1) @ value
    return found


class RMSNorm(nn.Module):
    """Divide by the root mean square; unlike PyTorch's it stays fused under autocast."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension of `x`."""
        return F.rms_norm(x, self.scale.shape, self.scale.to(x.dtype), eps=1e-6)


def sinusoidal(values: Tensor, dim: int, scale: float = 1000.0) -> Tensor:
    """Embed scalars of about unit range: `[...]` -> `[..., dim]` in float32."""
    half = dim // 2
    rates = torch.exp(-math.log(10_000.0) * torch.arange(half, device=values.device) / half)
    angles = values.float().unsqueeze(-1) * scale * rates
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


class ScalarEmbedding(nn.Module):
    """A scalar (noise level, guidance scale) to a vector: sinusoids, then a small MLP."""

    def __init__(self, dim: int, frequencies: int = 128) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.hidden = nn.Linear(frequencies, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, values: Tensor) -> Tensor:
        """Map `[...]` to `[..., dim]`."""
        waves = sinusoidal(values, self.frequencies).to(self.hidden.weight.dtype)
        embedded: Tensor = self.out(F.silu(self.hidden(waves)))
        return embedded


class Modulation(nn.Module):
    """adaLN-single (PixArt, arXiv 2310.00426): one projection for all layers, one table per layer.

    The projection starts at zero, so at first every token is modulated by its layer's table alone.
    """

    def __init__(self, condition_dim: int, dim: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.projection = nn.Linear(condition_dim, parts * dim)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, condition: Tensor) -> Tensor:
        """Map `[batch, groups, condition_dim]` to `[batch, groups, parts, dim]`."""
        modulation: Tensor = self.projection(F.silu(condition)).unflatten(-1, (self.parts, -1))
        return modulation


def modulate(x: Tensor, parts: Tensor, first: int = 0) -> Tensor:
    """Normalise tokens, then scale and shift them by group.

    Args:
        x: `[batch, groups, tokens, dim]`.
        parts: of their modulation, `[batch, groups, parts, dim]`.
        first: the shift's place among them; the scale is the next one, and 0 leaves the normalised tokens as they are.
    """
    if takes(x):
        return token_kernels.modulate(x, parts, first)
    shift, scale = parts[:, :, first : first + 2].split(1, dim=2)
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:], eps=1e-6), 1 + scale)


class TanhGELU(nn.Module):
    """GELU by its approximation with a hyperbolic tangent (Hendrycks and Gimpel, arXiv 1606.08415)."""

    def forward(self, x: Tensor) -> Tensor:
        """`[..., dim]` to the same."""
        return token_kernels.gelu(x) if takes(x) else F.gelu(x, approximate="tanh")


class FeedForward(nn.Sequential):
    """Two linear layers with a tanh-GELU between them."""

    def __init__(self, dim: int, ratio: float) -> None:
        hidden = int(dim * ratio)
        super().__init__(nn.Linear(dim, hidden), TanhGELU(), nn.Linear(hidden, dim))
