"""Mean and deviation of every curve and joint angle over random performances.

`python -m flowact.datagen.performance.motion_statistics` writes them to `assets/animation.safetensors`. Whatever codes
curves and pose as latents reads them there, so that a transformer and a tokenizer that are trained
apart agree on every unit.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from flowact import assets
from flowact.datagen.performance.performance import Performance, perform, random_script

PERFORMANCES, SECONDS = 200, 8.0
FIRST_SEED = 20_000_000
STILL = 1e-3
"""Channels that deviate less, in curve units or radians, never move; their deviation is written as 0."""

Floats = NDArray[np.float32]


def readouts(performance: Performance) -> Floats:
    """Curves, then pose, of every frame, [T, 52 + 3 J]."""
    pose = performance.pose.reshape(len(performance.pose), -1)
    return np.concatenate([performance.curves, pose], 1).astype(np.float32)


def measure(performances: int = PERFORMANCES) -> tuple[Floats, Floats]:
    """Mean and deviation of the channels, [52 + 3 J] each."""
    rng = np.random.default_rng(FIRST_SEED)
    rows = [
        readouts(perform(random_script(rng, SECONDS), FIRST_SEED + i)) for i in range(performances)
    ]
    values = np.concatenate(rows).astype(np.float64)
    deviation = values.std(0)
    deviation[deviation < STILL] = 0
    return values.mean(0).astype(np.float32), deviation.astype(np.float32)


def path() -> Path:
    """The file of the statistics."""
    return assets.folder() / "animation.safetensors"


def load() -> tuple[Floats, Floats]:
    """Mean and deviation of the channels as shipped, [52 + 3 J] each."""
    tensors = load_file(path())
    return tensors["mean"], tensors["deviation"]


if __name__ == "__main__":
    mean, deviation = measure()
    save_file({"mean": mean, "deviation": deviation}, path())
