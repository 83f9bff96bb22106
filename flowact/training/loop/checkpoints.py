"""Training checkpoints: a folder per saved step that appears whole or not at all."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from flowact.errors import UserError
from flowact.files import atomic_write

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Snapshot:
    """Everything that a run needs to go on as if it had never stopped.

    Attributes:
        step: optimiser steps done.
        model, ema: state dicts.
        rest: optimiser, random state and what the stage keeps, of plain containers and tensors.
    """

    step: int
    model: Tensors
    ema: Tensors
    rest: dict[str, Any]


def save_snapshot(run: Path, snapshot: Snapshot, keep: int = 2) -> Path:
    """Write `run/step-<n>` atomically and delete all but the newest `keep` snapshots."""
    final = run / f"step-{snapshot.step:08d}"
    with atomic_write(final) as folder:
        folder.mkdir()
        for name, tensors in (("model", snapshot.model), ("ema", snapshot.ema)):
            contiguous = {k: v.contiguous() for k, v in tensors.items()}
            save_file(contiguous, folder / f"{name}.safetensors")
        torch.save(snapshot.rest, folder / "rest.pt")
    for old in _snapshots(run)[:-keep]:
        shutil.rmtree(old)
    return final


def newest_step(run: Path) -> int:
    """Step of the newest snapshot of a run, 0 if it has none."""
    found = _snapshots(run)
    return _step(found[-1]) if found else 0


def load_newest(run: Path) -> Snapshot | None:
    """The newest snapshot of a run, or None if it has none."""
    found = _snapshots(run)
    if not found:
        return None
    folder = found[-1]
    model, ema = (load_file(folder / f"{name}.safetensors") for name in ("model", "ema"))
    rest = torch.load(folder / "rest.pt", map_location="cpu", weights_only=True)
    return Snapshot(_step(folder), model, ema, rest)


def load_averaged_weights(run: Path) -> Tensors:
    """The averaged weights of a run's newest snapshot; UserError if there is none."""
    found = _snapshots(run)
    if not found:
        raise UserError(f"{run} holds no training checkpoint (a folder step-00000000 is expected).")
    return load_file(found[-1] / "ema.safetensors")


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _snapshots(run: Path) -> list[Path]:
    return sorted(run.glob("step-*")) if run.is_dir() else []


def load_matching_weights(
    network: torch.nn.Module, weights: Mapping[str, torch.Tensor]
) -> tuple[str, ...]:
    """Take over the weights whose name and shape fit; the names of those that stay as they were are returned."""
    own = network.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    network.load_state_dict(own | fitting)
    return tuple(own.keys() - fitting.keys())
