"""Joining trained parts into the checkpoint that the pipeline loads."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
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

CONFIG = "config.json"
SAMPLING = "sampling.json"
"""File of a transformer's run that says how its model is sampled: fields of `FlowActScheduler`."""
WRAPPER = "transformer."
"""Prefix that the training wrapper gives the transformer's weights."""


def save_view_config(run: Path, config: ViewConfig) -> None:
    """Leave a view's sizes beside its weights."""
    save_config(run, asdict(config))


def save_config(run: Path, sizes: Mapping[str, object]) -> None:
    """Leave a network's sizes beside its weights."""
    run.mkdir(parents=True, exist_ok=True)
    (run / CONFIG).write_text(json.dumps(sizes, indent=2) + "\n")


@dataclass(frozen=True)
class TokenizerRuns:
    """The runs that a tokenizer is joined from: a decoder and an encoder for each view."""

    whole_decoder: Path
    whole_encoder: Path
    face_decoder: Path
    face_encoder: Path


def load_view(decoder: Path, encoder: Path) -> ViewAutoencoder:
    """A view out of the averaged weights of two runs; UserError if one has no checkpoint."""
    view = ViewAutoencoder(ViewConfig(**_config(decoder)))
    view.load_state_dict(load_averaged_weights(decoder))
    view.encoder.load_state_dict(load_averaged_weights(encoder))
    return view.eval().requires_grad_(False)


def load_tokenizer(runs: TokenizerRuns) -> Tokenizer:
    """Join the averaged views of four runs."""
    whole = load_view(runs.whole_decoder, runs.whole_encoder)
    face = load_view(runs.face_decoder, runs.face_encoder)
    return Tokenizer.from_views(whole, face).eval().requires_grad_(False)


def load_transformer(run: Path) -> FlowActTransformer:
    """The averaged transformer of a run."""
    made: FlowActTransformer = FlowActTransformer.from_config(_config(run))
    weights = load_averaged_weights(run)
    made.load_state_dict({name.removeprefix(WRAPPER): w for name, w in weights.items()})
    return made.eval().requires_grad_(False)


def export(runs: TokenizerRuns, transformer_run: Path | None, out: Path) -> None:
    """Write averaged weights, in half precision, as a checkpoint of the pipeline.

    Args:
        runs: of the tokenizer.
        transformer_run: run of the transformer's last stage; without it only the ``tokenizer``
            folder is written.
        out: folder of the checkpoint.
    """
    tokenizer = load_tokenizer(runs)
    _to_half(tokenizer)
    if transformer_run is None:
        tokenizer.save_pretrained(out / "tokenizer")
        return
    transformer = load_transformer(transformer_run)
    _to_half(transformer)
    scheduler = FlowActScheduler(**json.loads((transformer_run / SAMPLING).read_text()))
    FlowActPipeline(transformer, tokenizer, scheduler).save_pretrained(out)


def _to_half(network: torch.nn.Module) -> None:
    # Not `network.half()`: diffusers warns about that call, which is for running and not for storing.
    torch.nn.Module.to(network, torch.float16)


def _config(run: Path) -> dict[str, object]:
    path = run / CONFIG
    if not path.is_file():
        raise UserError(f"{run} is not a training run: {CONFIG} is missing.")
    return dict(json.loads(path.read_text()))
