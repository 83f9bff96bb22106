"""The operators behind one chunk of a stream, counted on tensors without numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch

from flowact.hardware.roofline import Operator, count
from flowact.mmdit.memory import MemoryInput
from flowact.mmdit.model import FlowActTransformer
from flowact.presets import Codec, Preset, TransformerSize
from flowact.timebase import FRAME_SIZE, FRAMES_PER_LATENT, LATENTS_PER_CHUNK
from flowact.tokenizer.video.from_preset import random_tokenizer

STREAM_CHUNKS: Final = 3
MEMORY_LATENTS: Final = 6
"""Reference, three long-term and two short-term latents."""
HEARD_LATENTS: Final = 2
"""Short-term latents that come with their sound."""


@dataclass(frozen=True)
class Work:
    """The operators behind one chunk of 12 frames, stage by stage."""

    parameters: int
    memory: list[Operator]
    denoise: list[Operator]
    decode: list[Operator]


def count_work(preset: Preset) -> Work:
    """Count the operators of one chunk of a stream: memory once, one denoising call, decoding."""
    with torch.device("meta"):
        transformer = FlowActTransformer(**preset.transformer.model_dump())
        remember, denoise = transformer_calls(transformer, preset.transformer)
        memory, denoising = count(remember), count(denoise)
    parameters = sum(p.numel() for p in transformer.parameters())
    return Work(parameters, memory, denoising, count_decode(preset.codec))


@torch.no_grad()
def transformer_calls(
    transformer: FlowActTransformer, size: TransformerSize
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return a transformer's two calls of a chunk: encoding the memory, and denoising behind it.

    Args:
        transformer: on the device on which tensors are made now.
        size: its sizes.
    """
    latent = (size.latent_channels, size.latent_height, size.latent_width)
    bank = MemoryInput(
        latents=torch.empty(1, MEMORY_LATENTS, *latent),
        roles=torch.zeros(MEMORY_LATENTS, dtype=torch.long),
        times=torch.empty(1, MEMORY_LATENTS),
        levels=torch.empty(1, MEMORY_LATENTS),
        audio=torch.empty(1, HEARD_LATENTS * FRAMES_PER_LATENT, size.audio_dim),
    )
    length = STREAM_CHUNKS * LATENTS_PER_CHUNK
    stream = (
        torch.empty(1, length, *latent),
        torch.empty(1, length),
        torch.empty(1, (length + 1) * FRAMES_PER_LATENT, size.audio_dim),
        torch.empty(1, STREAM_CHUNKS, size.text_tokens, size.text_dim),
    )
    cache = transformer.encode_memory(bank)
    return lambda: transformer.encode_memory(bank), lambda: transformer(*stream, memory=cache)


def count_decode(codec: Codec) -> list[Operator]:
    """Count the decoding of a chunk as it is done live: latent by latent, each once."""
    tokenizer = random_tokenizer(codec, "meta").to("meta")
    features = tokenizer.reference_features(
        torch.empty(1, 3, FRAME_SIZE, FRAME_SIZE, device="meta")
    )
    state = tokenizer.initial_state(features)
    latent = torch.empty(1, 1, *features.latent.shape[1:], device="meta")
    return LATENTS_PER_CHUNK * count(lambda: tokenizer.decode(state, latent, features))
