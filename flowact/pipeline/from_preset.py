"""Pipelines of a preset's sizes: with random weights, or checked against a checkpoint.

Random weights make noise instead of people. They cost what trained ones of the same sizes cost, so
speed, memory and every command can be tried before a model of that size has been trained.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch

from flowact.conditioning.pretrained_text import PhraseEmbeddings
from flowact.errors import UserError
from flowact.mmdit.model import FlowActTransformer
from flowact.pipeline.components import move_network
from flowact.pipeline.pipeline import FlowActPipeline
from flowact.pipeline.sampling import SamplingConfig
from flowact.presets import Preset, PretrainedNetwork
from flowact.tokenizer.video.from_preset import random_tokenizer

if TYPE_CHECKING:  # which brings transformers
    from flowact.conditioning.pretrained_audio import PretrainedAudioFeatures


def random_pipeline(
    preset: Preset,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> FlowActPipeline:
    """Make a pipeline of a preset's sizes; equal seeds give equal weights on one kind of device."""
    gpus = [device] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(gpus):
        torch.manual_seed(seed)
        with torch.device(device):  # the processor's memory may be too small for them
            transformer = FlowActTransformer(**preset.transformer.model_dump())
        tokenizer = random_tokenizer(preset.codec, device)
        audio = random_audio_features(preset.audio) if preset.audio else None
        tokens = preset.transformer.text_tokens
        text = random_text_features(preset.text, tokens) if preset.text else None
    for network in filter(None, (transformer, tokenizer, audio, text)):
        move_network(network.eval().requires_grad_(False), device, dtype)
    return FlowActPipeline(transformer, tokenizer, SamplingConfig(), audio, text)


def random_audio_features(network: PretrainedNetwork) -> PretrainedAudioFeatures:
    """Make a network that hears, with random weights.

    Raises:
        UserError: transformers is not installed.
    """
    if find_spec("transformers") is None:
        raise UserError("This preset needs more packages: pip install 'flowact[pretrained]'.")
    from flowact.conditioning.pretrained_audio import PretrainedAudioFeatures

    made: PretrainedAudioFeatures = PretrainedAudioFeatures(network.kind, network.sizes)
    return made


def random_text_features(network: PretrainedNetwork, tokens: int) -> PhraseEmbeddings:
    """Make embeddings of all phrases that no encoder has made."""
    return PhraseEmbeddings.random(tokens, network.width)


def check_preset(pipeline: FlowActPipeline, preset: Preset) -> None:
    """Refuse a checkpoint that was made by another preset.

    Raises:
        UserError: its codec is of another kind, or a size differs; the message names both values.
    """
    kind = getattr(pipeline.tokenizer, "kind", "compact")
    if kind != preset.codec.kind:
        raise UserError(
            f"The checkpoint's codec is {kind}; the preset {preset.name} needs {preset.codec.kind}."
        )
    for name, wanted in preset.transformer.model_dump().items():
        given = pipeline.transformer.config[name]
        if _listed(given) != _listed(wanted):
            raise UserError(
                f"The checkpoint is not of the preset {preset.name}: its {name} is {given}, "
                f"the preset's {wanted}."
            )


def _listed(value: Any) -> Any:
    """Tuples as the lists that a configuration file makes of them."""
    return [_listed(each) for each in value] if isinstance(value, list | tuple) else value
