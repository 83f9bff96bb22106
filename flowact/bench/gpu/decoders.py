"""What a chunk's decoding costs, and whether pieces are the whole to the bit in the device's format."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from flowact.bench.gpu.report import Row, Rows
from flowact.bench.gpu.run import attempt
from flowact.bench.gpu.subject import AnyTokenizer, BenchSubject
from flowact.hardware.roofline import seconds
from flowact.hardware.workload import count_decode
from flowact.presets import Codec
from flowact.timebase import FRAME_SIZE, LATENTS_PER_CHUNK
from flowact.tokenizer.video.adapter import DiffusersVideoTokenizer
from flowact.tokenizer.video.from_preset import random_tokenizer

WAN_2_1: Final = Codec(kind="AutoencoderKLWan")
"""The smaller autoencoder: 8x8 pixels of four frames are one cell."""


def decoders(subject: BenchSubject) -> Rows:
    """Milliseconds to decode a chunk of three latents, latent by latent, by every codec."""
    largest = subject.presets[-1]
    codecs = {f"the codec of {largest.name}": largest.codec}
    tiny = largest.codec.model_copy(update={"tiny_decoder": True})
    codecs[f"the tiny decoder of {largest.name}"] = tiny
    if not subject.quick:
        codecs["Wan 2.1"] = WAN_2_1
    for name, codec in codecs.items():
        yield from _one(subject, name, codec)


def _one(subject: BenchSubject, name: str, codec: Codec) -> Rows:
    tokenizer = random_tokenizer(codec, subject.device)
    torch.nn.Module.to(tokenizer, subject.device, subject.dtype).eval().requires_grad_(False)
    if not isinstance(tokenizer, DiffusersVideoTokenizer):
        return
    with torch.inference_mode():
        portrait = torch.rand(1, 3, FRAME_SIZE, FRAME_SIZE, device=subject.device) * 2 - 1
        features = tokenizer.reference_features(portrait)
        state = tokenizer.initial_state(features)
        z = torch.randn(1, LATENTS_PER_CHUNK, *features.latent.shape[1:], device=subject.device)
        decode = partial(_by_latent, tokenizer, state, z, features)
        predicted = predicted_decode_ms(subject, codec)
        yield Row(f"{name}: a chunk, cached", subject.median_ms(decode), "ms", predicted)
        yield Row(f"{name}: what a session keeps", round(state.megabytes, 1), "MB")
        equal = torch.equal(decode(), tokenizer.decode(state, z, features)[0])
        yield Row(
            f"{name}: latent by latent equals the chunk at once", float(equal), "true or false"
        )
        if tokenizer.tiny_decoder is None:
            yield from _variants(subject, name, tokenizer, decode)


def _variants(
    subject: BenchSubject,
    name: str,
    tokenizer: DiffusersVideoTokenizer,
    decode: Callable[[], Tensor],
) -> Rows:
    """Other layouts of the autoencoder and the compiler, which take their time to start."""
    channels_last(tokenizer.vae)
    yield attempt(f"{name}: channels last", "ms", lambda: subject.median_ms(decode))
    if subject.device.type != "cuda":
        return
    tokenizer.vae.decoder = torch.compile(tokenizer.vae.decoder, dynamic=False)
    yield attempt(f"{name}: compiled", "ms", lambda: subject.median_ms(decode))


def channels_last(module: torch.nn.Module) -> None:
    """Lay out the kernels over time and space channels last; those over space alone cannot be laid out so."""
    for parameter in module.parameters():
        if parameter.dim() == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)


def _by_latent(tokenizer: AnyTokenizer, state: Any, z: Tensor, features: Any) -> Tensor:
    frames = []
    for latent in z.split(1, 1):
        part, state = tokenizer.decode(state, latent, features)
        frames.append(part)
    return torch.cat(frames, 1)


def predicted_decode_ms(subject: BenchSubject, codec: Codec) -> float | None:
    """What `flowact plan` says of a chunk's decoding on this device."""
    if subject.gpu is None:
        return None
    return round(1e3 * seconds(count_decode(codec), subject.gpu), 1)
