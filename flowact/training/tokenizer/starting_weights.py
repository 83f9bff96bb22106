"""Weights that the parts of a tokenizer may start from, and what their runs leave beside theirs."""

from dataclasses import asdict
from pathlib import Path

from flowact.tokenizer.config import ViewConfig
from flowact.training.loop.checkpoints import Tensors, load_averaged_weights
from flowact.training.loop.run_folder import component_weights, save_config

TOKENIZER = "tokenizer"
"""Folder of the tokenizer in a checkpoint."""
ERRORS = "errors.safetensors"
"""File of an encoder's run: mean squared error of every channel on held-out windows."""


def save_view_config(run: Path, config: ViewConfig) -> None:
    """Leave a view's sizes beside its weights."""
    save_config(run, asdict(config))


def starting_view(init: Path, view: str) -> Tensors:
    """Weights that a view's decoder may start from: of a run, or of a whole checkpoint."""
    return component_weights(init, TOKENIZER, f"{view}.") or load_averaged_weights(init)


def starting_encoder(init: Path, view: str) -> Tensors:
    """Weights that a view's encoder may start from: of a run, or of a whole checkpoint."""
    return component_weights(init, TOKENIZER, f"{view}.encoder.") or load_averaged_weights(init)
