"""Weights of the transformer and of its audio encoder, read from runs and checkpoints."""

import json
from pathlib import Path

from flowact.errors import UserError
from flowact.mmdit.model import FlowActTransformer
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.sampling import SamplingConfig
from flowact.training.loop.checkpoints import Tensors, load_averaged_weights
from flowact.training.loop.run_folder import component_weights, read_config

SAMPLING = "sampling.json"
"""File of a transformer's run that says how its model is sampled: fields of `SamplingConfig`."""
AUDIO_ENCODER = "audio_encoder."
"""Prefix of the audio encoder's weights."""
WRAPPER = "transformer."
"""Prefix that the training wrapper gives the transformer's weights."""


def starting_transformer(init: Path) -> Tensors:
    """Weights that the transformer may start from: of a run, or of a whole checkpoint."""
    weights = component_weights(init, "transformer") or _transformer_weights(init)
    if not weights:
        raise UserError(f"{init} holds no transformer; a run of `train audio` is given by --audio.")
    return weights


def starting_audio_encoder(init: Path) -> Tensors:
    """Weights that the audio encoder may start from: of its own run, the transformer's, or a checkpoint."""
    weights = component_weights(init, "transformer") or load_averaged_weights(init)
    bare = {k.removeprefix(WRAPPER): w for k, w in weights.items()}
    encoder = {
        k.removeprefix(AUDIO_ENCODER): w for k, w in bare.items() if k.startswith(AUDIO_ENCODER)
    }
    if not encoder:
        raise UserError(f"{init} has no audio encoder; `flowact train audio` makes one.")
    return encoder


def load_audio_encoder(transformer: FlowActTransformer, audio: Path) -> None:
    """Give a transformer the audio encoder of a run or checkpoint, which stays as it is from then on.

    Raises:
        UserError: there is none, or it is of another size.
    """
    try:
        transformer.audio_encoder.load_state_dict(starting_audio_encoder(audio))
    except RuntimeError as error:
        raise UserError(f"The audio encoder in {audio} is of another size than needed.") from error
    transformer.audio_encoder.requires_grad_(False)


def load_transformer(run: Path) -> FlowActTransformer:
    """The averaged transformer of a run."""
    made: FlowActTransformer = FlowActTransformer.from_config(read_config(run))
    made.load_state_dict(_transformer_weights(run))
    return made.eval().requires_grad_(False)


def _transformer_weights(run: Path) -> Tensors:
    """A run's averaged weights without what only training needs."""
    weights = load_averaged_weights(run)
    return {k.removeprefix(WRAPPER): w for k, w in weights.items() if k.startswith(WRAPPER)}


def load_stage(folder: Path) -> tuple[FlowActTransformer, SamplingConfig]:
    """The transformer of a run or of a checkpoint, and how it is sampled."""
    if (folder / "model_index.json").is_file():
        pipeline = FlowActPipeline.from_pretrained(folder)
        return pipeline.transformer, pipeline.scheduler
    return load_transformer(folder), trained_sampling(folder)


def trained_sampling(run: Path, **changes: object) -> SamplingConfig:
    """How a run's model is sampled, with some fields changed; UserError if it does not say."""
    path = run / SAMPLING
    if not path.is_file():
        raise UserError(f"{run} is no run of the transformer: {SAMPLING} is missing.")
    return SamplingConfig(**{**json.loads(path.read_text()), **changes})
