"""Joining trained parts into the checkpoint that the pipeline loads."""

from collections.abc import Mapping
from pathlib import Path

import torch

from flowact.errors import UserError
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.chunks import to_frames
from flowact.portrait import named_portraits
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.data.latents import LatentFolder
from flowact.training.parts import TOKENIZER, Parts
from flowact.training.tokenizer.calibration import calibrate
from flowact.training.transformer.run_weights import (
    load_audio_encoder,
    load_transformer,
    trained_sampling,
)

CALIBRATION_CLIPS = 24


def export(
    parts: Parts,
    transformer_run: Path | None,
    out: Path,
    sampling: Mapping[str, object] | None = None,
    audio: Path | None = None,
    calibration: Path | None = None,
) -> None:
    """Write averaged weights, in half precision, as a checkpoint of the pipeline.

    Args:
        parts: the tokenizer, joined from its runs or of another checkpoint, and what hears and reads.
        transformer_run: run of the transformer's last stage; without it only the `tokenizer`
            folder is written.
        out: folder of the checkpoint.
        sampling: fields of `SamplingConfig` that replace those of the run.
        audio: run whose audio encoder takes the place of the transformer's; one that was trained on
            from that still says the same in the same words.
        calibration: folder of encoded clips that the named characters act out, so that processors may
            decode in eight bits; without it they decode as the tokenizer did before, which is in the
            format of the weights if it was just joined.
    """
    tokenizer = parts.tokenizer
    if calibration is not None:
        if not isinstance(tokenizer, Tokenizer):
            raise UserError("--calibration is for FlowAct's own tokenizer; this one needs none.")
        portraits = [to_frames(picture) for picture in named_portraits()]
        clips = LatentFolder(calibration).clips[:CALIBRATION_CLIPS]
        ranges = calibrate(tokenizer, portraits, [clip.z.float() for clip in clips])
        tokenizer.register_to_config(activation_ranges=ranges)
    _to_half(tokenizer)
    if transformer_run is None:
        tokenizer.save_pretrained(out / TOKENIZER)
        return
    transformer = load_transformer(transformer_run)
    if audio is not None:
        load_audio_encoder(transformer, audio)
    _to_half(transformer)
    scheduler = trained_sampling(transformer_run, **(sampling or {}))
    pipeline = FlowActPipeline(transformer, tokenizer, scheduler, parts.audio, parts.text)
    pipeline.save_pretrained(out)


def _to_half(network: torch.nn.Module) -> None:
    # Not `network.half()`: diffusers warns about that call, which is for running and not for storing.
    torch.nn.Module.to(network, torch.float16)
