"""The decoder of Wan's video autoencoder, latent by latent, with what it remembers as a value.

`AutoencoderKLWan` (arXiv 2503.20314) decodes a video latent by latent: every causal convolution reads
the last two frames of its own input again. diffusers keeps these frames in a list inside the model,
for one video at a time, and forgets them at its end. Here the list belongs to a session: it can be
copied, stored and handed back, and decoding a stream in pieces of any sizes gives bit for bit what
decoding the whole video at once gives.

The list of diffusers begins with placeholders. In their place stand frames of zeros, which is what
they mean: a causal convolution is padded with zeros in front. So all entries have the same shapes from
the first latent on, `[batch, channels, 2, height, width]`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:  # diffusers' own import of it takes more than a second
    from diffusers import AutoencoderKLWan

Features = tuple[Tensor, ...]
"""The last two input frames of every causal convolution of a decoder, in the order of their use."""

REMEMBERED: Final = 2


def is_cacheable(vae: Any) -> bool:
    """Whether an autoencoder of diffusers decodes with such a list."""
    wan = sys.modules.get("diffusers.models.autoencoders.autoencoder_kl_wan")
    return wan is not None and isinstance(vae, wan.AutoencoderKLWan)


def decode_first(vae: AutoencoderKLWan, latent: Tensor) -> tuple[Tensor, Features]:
    """Decode the first latent of a video, which is one frame.

    Args:
        vae: the autoencoder, of the kind of Wan 2.1 or 2.2.
        latent: `[batch, c, 1, h, w]`, as the decoder takes it.

    Returns:
        Frames `[batch, 3, 1, height, width]` in [-1, 1], and what the next latent needs.
    """
    entries: list[Any] = [None] * _convolutions(vae)
    frames = _decode(vae, latent, entries, first=True)
    used = [entry for entry in entries if entry is not None]
    features: list[Tensor] = []
    for entry in used:
        # "Rep" stands for an upsampling in time that has seen nothing; it reads what the entry before it holds.
        features.append(_padded(entry if isinstance(entry, Tensor) else 0 * features[-1]))
    return frames, tuple(features)


def decode_next(
    vae: AutoencoderKLWan, features: Features, latent: Tensor
) -> tuple[Tensor, Features]:
    """Decode one further latent of a video, four frames.

    Args:
        vae: the autoencoder.
        features: what the call before returned; they are not changed.
        latent: `[batch, c, 1, h, w]`.

    Returns:
        Frames `[batch, 3, 4, height, width]` in [-1, 1], and what the next latent needs.
    """
    entries: list[Any] = [*features]
    frames = _decode(vae, latent, entries, first=False)
    return frames, tuple(entries)


def _decode(vae: AutoencoderKLWan, latent: Tensor, entries: list[Any], first: bool) -> Tensor:
    """Run the decoder, which replaces every entry that it reads."""
    seen = vae.post_quant_conv(latent)
    frames = vae.decoder(seen, feat_cache=entries, feat_idx=[0], first_chunk=first)
    if vae.config.patch_size is not None:
        from diffusers.models.autoencoders.autoencoder_kl_wan import unpatchify

        frames = unpatchify(frames, patch_size=vae.config.patch_size)
    clamped: Tensor = torch.clamp(frames, min=-1.0, max=1.0)
    return clamped


def _convolutions(vae: AutoencoderKLWan) -> int:
    """Entries that a decoder may use; those without extent in time take none."""
    return int(vae._cached_conv_counts["decoder"])


def _padded(frames: Tensor) -> Tensor:
    """Two frames, zeros before those that are there."""
    return F.pad(frames, (0, 0, 0, 0, REMEMBERED - frames.shape[2], 0))
