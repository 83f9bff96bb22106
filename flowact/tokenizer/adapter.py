"""A video autoencoder of `diffusers` in the place of FlowAct's own tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import diffusers
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from flowact.tokenizer.composite import to_uint8

CONTEXT: Final = 3
"""Latents before the new ones that are decoded again with them, for the decoder's sake."""


@dataclass(frozen=True)
class ReferenceLatent:
    """What a diffusers autoencoder knows of the portrait.

    Attributes:
        latent: the portrait as a video of one frame, `[batch, c, h, w]`.
    """

    latent: Tensor


@dataclass(frozen=True)
class LatentContext:
    """The latents before the next one, `[batch, k, c, h, w]`, oldest first."""

    latents: Tensor


class DiffusersVideoTokenizer(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`AutoencoderKLWan`, `AutoencoderKLLTXVideo` and their like as a streaming tokenizer.

    These models code a video as one latent of a single frame and then one latent for every `r`
    frames. The single frame is the portrait here, so every stream starts from it. A piece of a
    stream is decoded behind the last `context` latents, whose frames are thrown away: with a causal
    decoder pieces equal the whole up to what the decoder would see further back. A decoder that also
    looks ahead (LTX without `decoder_causal`) finds nothing ahead at the end of a piece.

    A checkpoint of a pipeline holds it like FlowAct's own; `wrap` takes an autoencoder that is
    already loaded.

    Args:
        kind: name of the autoencoder's class in diffusers.
        sizes: its configuration.
        context: latents decoded again before every piece, at least 1. Cost rises by
            `context / latents per piece`.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(self, kind: str, sizes: Mapping[str, Any], context: int = CONTEXT) -> None:
        super().__init__()
        if context < 1:
            raise ValueError(f"context is {context}, expected at least 1")
        self.vae = getattr(diffusers, kind).from_config(sizes)
        self.context = context
        self.frames_per_latent = _temporal_ratio(self.vae)

    @classmethod
    def wrap(cls, vae: ModelMixin, context: int = CONTEXT) -> "DiffusersVideoTokenizer":
        """Make an autoencoder of diffusers a tokenizer; its weights are not copied."""
        sizes = {name: value for name, value in vae.config.items() if not name.startswith("_")}
        with torch.device("meta"):
            made: DiffusersVideoTokenizer = cls(type(vae).__name__, sizes, context)
        made.vae = vae
        return made

    def reference_features(
        self, reference: Tensor, points: Tensor | None = None
    ) -> ReferenceLatent:
        """Look at portraits `[batch, 3, height, width]` in [-1, 1]; an autoencoder needs no landmarks of theirs."""
        return ReferenceLatent(self._encode_video(reference[:, None])[:, 0])

    def encode(self, frames: Tensor, reference: Tensor) -> Tensor:
        """Latents `[batch, n, c, h, w]` of `[batch, r * n, 3, height, width]` in [-1, 1]."""
        if frames.shape[1] % self.frames_per_latent:
            expected = f"a multiple of {self.frames_per_latent}"
            raise ValueError(f"{frames.shape[1]} frames given, expected {expected}")
        return self._encode_video(torch.cat([reference[:, None], frames], 1))[:, 1:]

    def initial_state(self, features: ReferenceLatent) -> LatentContext:
        """The state before the first frame: the portrait."""
        return LatentContext(features.latent[:, None])

    def decode(
        self, state: LatentContext, z: Tensor, features: ReferenceLatent
    ) -> tuple[Tensor, LatentContext]:
        """Frames `[batch, r * n, 3, height, width]` in [-1, 1] of `z [batch, n, c, h, w]`."""
        latents = torch.cat([state.latents, z], 1)
        mean, deviation = _statistics(self.vae)
        raw = (latents * deviation.to(z) + mean.to(z)).transpose(1, 2)
        video = cast(Tensor, self.vae.decode(raw.to(self.vae.dtype)).sample).transpose(1, 2)
        fresh = video[:, -self.frames_per_latent * z.shape[1] :].float().clamp(-1, 1)
        return fresh, LatentContext(latents[:, -self.context :])

    @torch.inference_mode()
    def decode_uint8(
        self,
        state: LatentContext,
        z: Tensor,
        features: ReferenceLatent,
        *,
        coarse: bool = False,
    ) -> tuple[Tensor, LatentContext]:
        """Like `decode`, as uint8 `[batch, r * n, height, width, 3]`; never coarse."""
        frames, after = self.decode(state, z, features)
        return to_uint8(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]), after

    def _encode_video(self, video: Tensor) -> Tensor:
        """`[batch, 1 + r * n, 3, h, w]` to `[batch, 1 + n, c, h, w]`, normalised."""
        coded = self.vae.encode(video.transpose(1, 2).to(self.vae.dtype)).latent_dist.mode()
        latents = cast(Tensor, coded).transpose(1, 2).float()
        mean, deviation = _statistics(self.vae)
        return (latents - mean.to(latents)) / deviation.to(latents)


def _temporal_ratio(vae: Any) -> int:
    """Frames per latent; diffusers' classes name it differently."""
    for owner, name in (
        (vae.config, "scale_factor_temporal"),
        (vae, "temporal_compression_ratio"),
    ):
        if getattr(owner, name, None):
            return int(getattr(owner, name))
    raise ValueError(f"{type(vae).__name__} does not say how many frames a latent holds")


def _statistics(vae: Any) -> tuple[Tensor, Tensor]:
    """Mean and deviation of raw latents per channel, `[c, 1, 1]`."""
    values = []
    for name, neutral in (("latents_mean", 0.0), ("latents_std", 1.0)):
        found = getattr(vae.config, name, None)
        found = getattr(vae, name, neutral) if found is None else found
        values.append(torch.as_tensor(found, dtype=torch.float32).reshape(-1, 1, 1))
    mean, deviation = values
    return mean, deviation / float(getattr(vae.config, "scaling_factor", None) or 1.0)
