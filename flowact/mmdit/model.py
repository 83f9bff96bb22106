"""The whole multimodal diffusion transformer of FlowAct.

Video, audio and text tokens have their own weights and meet in joint attention (MMDiT, arXiv
2403.03206). Every latent of the denoising stream has its own noise level (diffusion forcing, arXiv
2407.01392). Tokens of the memory bank attend only to each other, so their keys and values are
computed once per chunk and serve every call ("fake-causal attention", FlowAct-R1, arXiv
2601.10103).

The network estimates the clean latents and turns them into the velocity. Latents lie close to few
directions of their space, noise does not: an estimate of the noise would have to carry all of it
through narrow layers (JiT, arXiv 2511.13720).

Tokens are kept as `[batch, groups, tokens, dim]`. A group is what shares a noise level: the tokens
of one video latent, the audio of one latent's frames, the text of one chunk.
"""

from collections.abc import Sequence
from typing import Final

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from flowact.conditioning.audio import AudioEncoder
from flowact.conditioning.projection import AudioProjection, TextProjection
from flowact.conditioning.text import TextEncoder
from flowact.mmdit.block import Block, Tokens
from flowact.mmdit.division import UNDIVIDED, Division
from flowact.mmdit.layers import (
    Modulation,
    ScalarEmbedding,
    modulate,
)
from flowact.mmdit.memory import MemoryCache, MemoryFormat, MemoryInput, kept, recalled
from flowact.mmdit.patches import PatchGrid
from flowact.mmdit.rope import grid_positions, rotary_table, token_positions
from flowact.timebase import FACE_BOX, FRAME_SIZE, FRAMES_PER_LATENT, LATENTS_PER_CHUNK

LOWEST_LEVEL: Final = 0.05
"""Below this noise level the velocity is that of this level."""

BLINK_KINDS: Final = FRAMES_PER_LATENT + 2
"""What a latent can be told of blinks: none begins, one begins in its frame 0..3, or nothing."""

WHOLE_AND_FACE: Final = (
    (0, 0, FRAME_SIZE, FRAME_SIZE),
    (FACE_BOX[0], FACE_BOX[1], FACE_BOX[2], FACE_BOX[2]),
)


class FlowActTransformer(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Predict the flow-matching velocity `noise - clean` of every latent of the denoising stream.

    Args:
        latent_channels: channels of a latent.
        latent_height: cells along the height of a latent.
        latent_width: cells along the width; the views lie side by side.
        patch_size: cells along each side of a token.
        views: the box (left, top, width, height) of each view in pixels of the frame.
        dim: width of the video tokens.
        audio_dim: width of the audio tokens.
        audio_layers: convolutions along them; checkpoints that do not say have four.
        text_dim: width of the text tokens.
        heads: attention heads.
        head_dim: width of a head, a multiple of 16.
        layers: number of blocks.
        mlp_ratio: hidden width of the feed-forward layers over their input width.
        text_tokens: tokens per chunk that the text encoder makes.
        audio_width: of pretrained features of sound, see `conditioning.pretrained_audio`; 0 if the
            audio encoder reads log-mel frames.
        text_width: of pretrained embeddings of text; 0 if the text encoder reads hashed words.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 16,
        latent_height: int = 8,
        latent_width: int = 16,
        patch_size: int = 2,
        views: Sequence[Sequence[float]] = WHOLE_AND_FACE,
        dim: int = 320,
        audio_dim: int = 192,
        audio_layers: int = 4,
        text_dim: int = 128,
        heads: int = 5,
        head_dim: int = 64,
        layers: int = 8,
        mlp_ratio: float = 4.0,
        text_tokens: int = 2,
        audio_width: int = 0,
        text_width: int = 0,
    ) -> None:
        super().__init__()
        self.grid = PatchGrid.of(latent_height, latent_width, patch_size, views)
        self.head_dim = head_dim
        values = latent_channels * patch_size**2
        widths = {"video": dim, "audio": audio_dim, "text": text_dim}

        self.audio_encoder = make_audio_encoder(audio_dim, audio_layers, audio_width)
        self.text_encoder = make_text_encoder(text_dim, text_tokens, text_width)
        self.video_in = nn.Linear(values, dim)
        self.cell_embedding = nn.Parameter(torch.randn(self.grid.tokens, dim) * 0.02)
        self.role_embedding = nn.Embedding(3, dim)
        self.level_embedding = ScalarEmbedding(dim)
        self.guidance_embedding = ScalarEmbedding(dim)
        self.blink_embedding = nn.Embedding(BLINK_KINDS, dim)
        self.modulations = nn.ModuleDict({n: Modulation(dim, w, 6) for n, w in widths.items()})
        self.blocks = nn.ModuleList(
            Block(widths, heads, head_dim, mlp_ratio, index == layers - 1)
            for index in range(layers)
        )
        self.out_modulation = Modulation(dim, dim, 2)
        self.video_out = nn.Linear(dim, values)
        for layer in (self.video_out, self.guidance_embedding.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.blink_embedding.weight)
        # Not buffers: positions keep full precision when the weights are cast.
        self.cells = self.grid.positions()
        self.centre = grid_positions(views[:1], 1, 1)
        self.division: Division = UNDIVIDED
        self.memory_format: MemoryFormat = "native"

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights. The library's own property looks at every parameter, which takes milliseconds."""
        return self.video_in.weight.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.video_in.weight.device

    def encode_memory(self, memory: MemoryInput) -> MemoryCache:
        """Compute the memory's keys and values; they depend on nothing but the memory itself."""
        condition = self.level_embedding(memory.levels) + self.role_embedding(memory.roles)
        share = self.division.over(memory.latents.shape[1])
        own = share.own
        tokens = {
            "video": self._video(memory.latents[:, own], condition[:, own], memory.times[:, own])
        }
        heard = memory.audio.shape[1] // FRAMES_PER_LATENT
        if heard:
            tokens["audio"] = self._audio(
                memory.audio, condition[:, -heard:], memory.times[:, -heard:]
            )
        cache = []
        for block in self.blocks:
            tokens, remembered = block(tokens, None, share.attend)
            cache.append(kept(remembered, self.memory_format))
        return tuple(cache)

    def forward(
        self,
        latents: Tensor,
        levels: Tensor,
        audio: Tensor,
        text: Tensor,
        memory: MemoryCache | None = None,
        guidance: Tensor | None = None,
        blinks: Tensor | None = None,
    ) -> Tensor:
        """Predict the velocity of the stream.

        Args:
            latents: noisy latents `[batch, L, channels, height, width]`.
            levels: noise level of every latent `[batch, L]`, 0 clean, 1 noise.
            audio: tokens `[batch, 4 * A, audio_dim]` of `encode_audio` from the stream's first
                frame on; `A >= L`, the rest looks ahead.
            text: tokens `[batch, chunks, text_tokens, text_dim]` of `encode_text`.
            memory: what `encode_memory` returned; `None` for no memory at all.
            guidance: `[batch]`, the guidance scale whose result a distilled model shall imitate.
            blinks: for every latent, whether and when the lids fall in it, `[batch, L]` int64 of
                `BLINK_KINDS`; `None` to let the model decide.

        Returns:
            Velocity `noise - clean`, shaped as `latents`.
        """
        self._check(latents, levels, audio, text)
        length = latents.shape[1]
        condition = self.level_embedding(levels)
        if guidance is not None:
            condition = condition + self.guidance_embedding(guidance / 10)[:, None]
        if blinks is None:
            blinks = torch.full_like(levels, BLINK_KINDS - 1, dtype=torch.int64)
        condition = condition + self.blink_embedding(blinks)
        times = torch.arange(audio.shape[1] // FRAMES_PER_LATENT, device=latents.device)[None]
        ahead = condition[:, -1:].expand(-1, times.shape[1] - length, -1)
        share = self.division.over(length)
        own = share.own
        tokens = {
            "video": self._video(latents[:, own], condition[:, own], times[:, :length][:, own]),
            "audio": self._audio(audio, torch.cat((condition, ahead), 1), times),
            "text": self._text(text, condition[:, ::LATENTS_PER_CHUNK]),
        }
        for block, remembered in zip(self.blocks, memory or [None] * len(self.blocks), strict=True):
            tokens, _ = block(tokens, recalled(remembered, self.dtype), share.attend)
        modulated = modulate(tokens["video"].x, self.out_modulation(condition[:, own]))
        tokens_out = share.gather(self.video_out(modulated))
        clean = self.grid.unpatchify(tokens_out).to(latents.dtype)
        return (latents - clean) / levels.clamp(min=LOWEST_LEVEL)[..., None, None, None]

    def encode_audio(self, features: Tensor, known: Tensor) -> Tensor:
        """Features of sound and what is known of it to audio tokens; see `AudioEncoder`."""
        tokens: Tensor = self.audio_encoder(features, known)
        return tokens

    def encode_text(self, features: Tensor) -> Tensor:
        """Features of texts `[batch, chunks, ...]` to text tokens; see `TextEncoder`."""
        tokens: Tensor = self.text_encoder(features)
        return tokens

    def _video(self, latents: Tensor, condition: Tensor, times: Tensor) -> Tokens:
        x = self.video_in(self.grid.patchify(latents.to(self.dtype))) + self.cell_embedding
        frames = times * FRAMES_PER_LATENT + (FRAMES_PER_LATENT - 1) / 2
        return self._tokens("video", x, condition, token_positions(frames, self.cells))

    def _audio(self, audio: Tensor, condition: Tensor, times: Tensor) -> Tokens:
        offsets = torch.arange(FRAMES_PER_LATENT, device=times.device)
        frames = (times[..., None] * FRAMES_PER_LATENT + offsets).flatten(1)
        positions = token_positions(frames, self.centre)
        return self._tokens(
            "audio", audio.unflatten(1, (-1, FRAMES_PER_LATENT)), condition, positions
        )

    def _text(self, text: Tensor, condition: Tensor) -> Tokens:
        length = FRAMES_PER_LATENT * LATENTS_PER_CHUNK
        frames = torch.arange(text.shape[1], device=text.device)[None] * length + (length - 1) / 2
        cells = self.centre.expand(text.shape[2], -1)
        return self._tokens("text", text, condition, token_positions(frames, cells))

    def _tokens(self, name: str, x: Tensor, condition: Tensor, positions: Tensor) -> Tokens:
        rotary = rotary_table(positions, self.head_dim)
        return Tokens(x, self.modulations[name](condition), rotary)

    def _check(self, latents: Tensor, levels: Tensor, audio: Tensor, text: Tensor) -> None:
        length = latents.shape[1]
        if levels.shape != latents.shape[:2]:
            raise ValueError(
                f"levels {tuple(levels.shape)}; expected one per latent {tuple(latents.shape[:2])}"
            )
        if audio.shape[1] % FRAMES_PER_LATENT or audio.shape[1] < length * FRAMES_PER_LATENT:
            raise ValueError(
                f"{audio.shape[1]} audio tokens; expected a multiple of {FRAMES_PER_LATENT} and at "
                f"least {length * FRAMES_PER_LATENT} for {length} latents"
            )
        chunks = -(-length // LATENTS_PER_CHUNK)
        if text.shape[1] != chunks:
            raise ValueError(f"text of {text.shape[1]} chunks; {length} latents are {chunks}")


def make_audio_encoder(dim: int, layers: int, width: int) -> AudioEncoder | AudioProjection:
    """The audio encoder of a transformer: of log-mel frames, or of pretrained features `width` wide."""
    return AudioProjection(width, dim, layers) if width else AudioEncoder(dim, layers)


def make_text_encoder(dim: int, tokens: int, width: int) -> TextEncoder | TextProjection:
    """The text encoder of a transformer: of hashed words, or of pretrained embeddings `width` wide."""
    return TextProjection(width, dim, tokens) if width else TextEncoder(dim, tokens)
