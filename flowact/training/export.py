"""Joining trained parts into the checkpoint that the pipeline loads."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from flowact.errors import UserError
from flowact.mmdit.model import FlowActTransformer
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.sampling import FlowActScheduler
from flowact.tokenizer.autoencoder import ViewAutoencoder
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.checkpoints import load_averaged_weights
from flowact.training.flow_matching import NOISE_SHIFT

CONFIG = "config.json"
WRAPPER = "transformer."
"""Prefix that the training wrapper gives the transformer's weights."""


def save_view_config(run: Path, config: ViewConfig) -> None:
    """Leave a view's sizes beside its weights."""
    save_config(run, asdict(config))


def save_config(run: Path, sizes: Mapping[str, object]) -> None:
    """Leave a network's sizes beside its weights."""
    run.mkdir(parents=True, exist_ok=True)
    (run / CONFIG).write_text(json.dumps(sizes, indent=2) + "\n")


def load_view(run: Path) -> ViewAutoencoder:
    """The averaged autoencoder of a run; UserError if the run has no checkpoint."""
    view = ViewAutoencoder(ViewConfig(**_config(run)))
    view.load_state_dict(load_averaged_weights(run))
    return view.eval().requires_grad_(False)


def load_tokenizer(whole: Path, face: Path) -> Tokenizer:
    """Join the averaged views of two runs."""
    return Tokenizer.from_views(load_view(whole), load_view(face)).eval().requires_grad_(False)


def load_transformer(run: Path) -> FlowActTransformer:
    """The averaged transformer of a run."""
    made: FlowActTransformer = FlowActTransformer.from_config(_config(run))
    weights = load_averaged_weights(run)
    made.load_state_dict({name.removeprefix(WRAPPER): w for name, w in weights.items()})
    return made.eval().requires_grad_(False)


def export(whole: Path, face: Path, joint: Path | None, out: Path) -> None:
    """Write averaged weights, in half precision, as a checkpoint of the pipeline.

    Args:
        whole: run of the whole view.
        face: run of the face view.
        joint: run of the transformer; without it only the ``tokenizer`` folder is written.
        out: folder of the checkpoint.
    """
    tokenizer = load_tokenizer(whole, face)
    _to_half(tokenizer)
    if joint is None:
        tokenizer.save_pretrained(out / "tokenizer")
        return
    transformer = load_transformer(joint)
    _to_half(transformer)
    FlowActPipeline(transformer, tokenizer, FlowActScheduler(shift=NOISE_SHIFT)).save_pretrained(
        out
    )


def _to_half(network: torch.nn.Module) -> None:
    # Not `network.half()`: diffusers warns about that call, which is for running and not for storing.
    torch.nn.Module.to(network, torch.float16)


def _config(run: Path) -> dict[str, object]:
    path = run / CONFIG
    if not path.is_file():
        raise UserError(f"{run} is not a training run: {CONFIG} is missing.")
    return dict(json.loads(path.read_text()))
