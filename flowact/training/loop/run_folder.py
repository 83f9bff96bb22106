"""What lies in the folder of a run or of a checkpoint beside the weights of the loop."""

import json
from collections.abc import Mapping
from pathlib import Path

from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file

from flowact.errors import UserError
from flowact.training.loop.checkpoints import Tensors

CONFIG = "config.json"


def save_config(run: Path, sizes: Mapping[str, object]) -> None:
    """Leave a network's sizes beside its weights."""
    run.mkdir(parents=True, exist_ok=True)
    (run / CONFIG).write_text(json.dumps(sizes, indent=2) + "\n")


def read_config(run: Path) -> dict[str, object]:
    """The sizes of a run's network; UserError if it left none."""
    path = run / CONFIG
    if not path.is_file():
        raise UserError(f"{run} is not a training run: {CONFIG} is missing.")
    return dict(json.loads(path.read_text()))


def component_weights(folder: Path, name: str, prefix: str = "") -> Tensors:
    """Weights of a checkpoint's component whose names begin so; none if this is no checkpoint."""
    path = folder / name / SAFETENSORS_WEIGHTS_NAME
    weights = load_file(path) if path.is_file() else {}
    return {k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)}
