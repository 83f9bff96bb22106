"""The eye network in training; see `flowact.training.loop.loop.TrainingStage`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from torch import Tensor, nn

from flowact.portrait.eye_network import EYE_CELLS, INNER, OUTER, EyeNet
from flowact.training.landmarks.eye_windows import Eyes
from flowact.training.landmarks.losses import cell_loss, likelihood_loss
from flowact.training.loop.loop import Stateful
from flowact.training.loop.metrics import Values

HELD_OUT_WINDOWS: Final = 1024


def draw_eyes(eyes: Eyes, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Random windows float [N, 3, 64, 64] in [0, 1] and their points [N, 9, 2]."""
    columns = zip(*(eyes.window(rng) for _ in range(count)), strict=True)
    pictures, points = (torch.from_numpy(np.stack(column)) for column in columns)
    return pictures.permute(0, 3, 1, 2).float() / 255, points.float()


@dataclass
class EyeStage:
    """Step `n` of seed `s` always draws the same windows, so that a resumed run is the run that never stopped."""

    model: nn.Module
    train: Eyes
    heldout: Eyes
    batch: int
    seed: int
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Loss of one batch."""
        rng = np.random.default_rng([self.seed, step])
        pictures, points = draw_eyes(self.train, self.batch, rng)
        output = model(pictures)
        likelihood = likelihood_loss(output.points, output.log_deviation, points).mean()
        cell = cell_loss(output.heat, points, EYE_CELLS)
        return likelihood + cell, {"likelihood": likelihood, "cell": cell}

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """On people never trained on: errors of one pass, in % of the distance of the eye's corners."""
        rng = np.random.default_rng(self.seed)
        pictures, points = draw_eyes(self.heldout, HELD_OUT_WINDOWS, rng)
        found = torch.cat([cast(EyeNet, model)(part).points for part in pictures.split(128)])
        width = (points[:, INNER] - points[:, OUTER]).norm(dim=-1)
        error = (found - points).norm(dim=-1) / width[:, None] * 100
        return {
            "error_percent": float(error.mean()),
            "error_percent_median": float(error.mean(1).median()),
        }
