"""A video autoencoder of `diffusers` in the place of FlowAct's own tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import diffusers
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from flowact.tokenizer.composite import to_uint8
from flowact.tokenizer.video.causal_cache import Features, decode_first, decode_next, is_cacheable
from flowact.tokenizer.video.tiny import TinyVideoDecoder, tiny_decoder_of

CONTEXT: Final = 3
"""Latents before the new ones that a decoder without a cache decodes again with them."""
MOST_FEATURE_MEGABYTES: Final = 64.0
"""A large autoencoder's features weigh a gigabyte: too much to send every two seconds."""


@dataclass(frozen=True)
class ReferenceLatent:
    """What a diffusers autoencoder knows of the portrait.

    Attributes:
        latent: the portrait as a video of one frame, `[batch, c, h, w]`.
    """

    latent: Tensor


@dataclass(frozen=True)
class VideoDecoderState:
    """What decoding has to know of the latents before the next one.

    Attributes:
        latents: the last ones, `[batch, k, c, h, w]`, oldest first.
        features: what a causal decoder has computed of all latents so far and will read again, see
            `causal_cache`; empty for decoders that read `latents` again, and where they were too large
            to be stored: they are computed anew then, from `latents` alone.
    """

    latents: Tensor
    features: Features = ()

    @property
    def megabytes(self) -> float:
        """Size of the features."""
        return sum(each.numel() * each.element_size() for each in self.features) / 1e6


class DiffusersVideoTokenizer(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """`AutoencoderKLWan`, `AutoencoderKLLTXVideo` and their like as a streaming tokenizer.

    These models code a video as one latent of a single frame and then one latent for every `r`
    frames. The single frame is the portrait here, so every stream starts from it.

    Wan's decoder keeps what it has computed in the session's state: every latent is decoded once, and
    pieces equal the whole to the bit. Other decoders see a piece behind the last `context` latents,
    whose frames are thrown away: with a causal decoder pieces equal the whole up to what it would see
    further back. A decoder that also looks ahead (LTX without `decoder_causal`) finds nothing ahead at
    the end of a piece.

    A checkpoint of a pipeline holds it like FlowAct's own; `wrap` takes an autoencoder that is
    already loaded.

    Args:
        kind: name of the autoencoder's class in diffusers.
        sizes: its configuration.
        context: latents that a state remembers, at least 1: those that a decoder without a cache
            decodes again before every piece, and from which a lost cache is computed anew.
        tiny: decode by a tiny decoder beside the autoencoder, see `tiny`; for Wan's latents.
    """

    config_name = "config.json"

    @register_to_config
    def __init__(
        self, kind: str, sizes: Mapping[str, Any], context: int = CONTEXT, tiny: bool = False
    ) -> None:
        super().__init__()
        if context < 1:
            raise ValueError(f"context is {context}, expected at least 1")
        self.vae = getattr(diffusers, kind).from_config(sizes)
        self.kind, self.context = kind, context
        self.frames_per_latent = _temporal_ratio(self.vae)
        self.tiny_decoder = tiny_decoder_of(self.vae) if tiny else None

    @classmethod
    def wrap(
        cls, vae: ModelMixin, context: int = CONTEXT, tiny: TinyVideoDecoder | None = None
    ) -> "DiffusersVideoTokenizer":
        """Make an autoencoder of diffusers a tokenizer; its weights are not copied."""
        sizes = {name: value for name, value in vae.config.items() if not name.startswith("_")}
        with torch.device("meta"):
            made: DiffusersVideoTokenizer = cls(
                type(vae).__name__, sizes, context, tiny is not None
            )
        made.vae, made.tiny_decoder = vae, tiny
        return made

    @property
    def cached(self) -> bool:
        """Whether a session's state carries what its decoder has computed."""
        return self.tiny_decoder is not None or is_cacheable(self.vae)

    @property
    def uses_landmarks(self) -> bool:
        """An autoencoder needs no landmarks of a portrait."""
        return False

    def reference_features(
        self, reference: Tensor, points: Tensor | None = None
    ) -> ReferenceLatent:
        """Look at portraits `[batch, 3, height, width]` in [-1, 1]; `points` do not matter."""
        return ReferenceLatent(self._encode_video(reference[:, None])[:, 0])

    def encode(self, frames: Tensor, reference: Tensor, points: Tensor | None = None) -> Tensor:
        """Latents `[batch, n, c, h, w]` of `[batch, r * n, 3, height, width]` in [-1, 1]; `points` do not matter."""
        if frames.shape[1] % self.frames_per_latent:
            expected = f"a multiple of {self.frames_per_latent}"
            raise ValueError(f"{frames.shape[1]} frames given, expected {expected}")
        return self._encode_video(torch.cat([reference[:, None], frames], 1))[:, 1:]

    @torch.no_grad()
    def initial_state(self, features: ReferenceLatent) -> VideoDecoderState:
        """The state before the first frame: the portrait."""
        return self._with_features(VideoDecoderState(features.latent[:, None]))

    def compact_state(self, state: VideoDecoderState) -> tuple[Tensor, ...]:
        """The last latents, and what was computed of all of them unless that is too large to be sent about."""
        large = state.megabytes > MOST_FEATURE_MEGABYTES
        return (state.latents, *(() if large else state.features))

    @torch.no_grad()
    def restored_state(
        self, compact: tuple[Tensor, ...], features: ReferenceLatent
    ) -> VideoDecoderState:
        """The same state again; without features it goes on as if the last latents were all that there were.

        Raises:
            ValueError: latents of another autoencoder.
        """
        latents, *kept = compact
        if latents.shape[2:] != features.latent.shape[1:]:
            expected = tuple(features.latent.shape[1:])
            raise ValueError(f"latents are {tuple(latents.shape)}, expected [batch, k, {expected}]")
        here = (self.device, self.dtype)
        return VideoDecoderState(
            latents.to(features.latent), tuple(each.to(*here) for each in kept)
        )

    def decode(
        self, state: VideoDecoderState, z: Tensor, features: ReferenceLatent
    ) -> tuple[Tensor, VideoDecoderState]:
        """Frames `[batch, r * n, 3, height, width]` in [-1, 1] of `z [batch, n, c, h, w]`."""
        latents = torch.cat([state.latents, z], 1)
        after = VideoDecoderState(latents[:, -self.context :])
        if not self.cached:
            video = self.vae.decode(self._raw(latents)).sample.transpose(1, 2)
            fresh = video[:, -self.frames_per_latent * z.shape[1] :]
            return fresh.float().clamp(-1, 1), after
        parts, cache = [], (state if state.features else self._with_features(state)).features
        for latent in z.split(1, dim=1):
            frames, cache = self._next(cache, latent)
            parts.append(frames)
        return torch.cat(parts, 1).float(), replace(after, features=cache)

    @torch.inference_mode()
    def decode_uint8(
        self,
        state: VideoDecoderState,
        z: Tensor,
        features: ReferenceLatent,
        *,
        coarse: bool = False,
    ) -> tuple[Tensor, VideoDecoderState]:
        """Like `decode`, as uint8 `[batch, r * n, height, width, 3]`; never coarse."""
        frames, after = self.decode(state, z, features)
        return to_uint8(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]), after

    def _with_features(self, state: VideoDecoderState) -> VideoDecoderState:
        """Compute what a causal decoder remembers of the state's latents, as if they were a whole video."""
        if not self.cached:
            return state
        first, *further = state.latents.split(1, dim=1)
        features = self._first(first)
        for latent in further:
            _, features = self._next(features, latent)
        return replace(state, features=features)

    def _first(self, latent: Tensor) -> Features:
        """What the decoder remembers of a video's first latent `[batch, 1, c, h, w]`."""
        if self.tiny_decoder is not None:
            return self.tiny_decoder.first(latent[:, 0].to(self.dtype))[1]
        return decode_first(self.vae, self._raw(latent))[1]

    def _next(self, features: Features, latent: Tensor) -> tuple[Tensor, Features]:
        """Frames `[batch, r, 3, height, width]` of a further latent, and what is remembered."""
        if self.tiny_decoder is not None:
            return self.tiny_decoder.next(features, latent[:, 0].to(self.dtype))
        frames, features = decode_next(self.vae, features, self._raw(latent))
        return frames.transpose(1, 2), features

    def _raw(self, latents: Tensor) -> Tensor:
        """Normalised latents `[batch, n, c, h, w]` as the decoder takes them, `[batch, c, n, h, w]`."""
        mean, deviation = _statistics(self.vae)
        raw = (latents * deviation.to(latents) + mean.to(latents)).transpose(1, 2)
        return raw.to(self.vae.dtype)

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
