"""The landmark network in training; see `flowact.training.loop.loop.TrainingStage`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowact.motion.face_points import EYES, MOUTH, POINT, POINTS
from flowact.portrait.network import CELLS, POSE_SCALE, LandmarkNet, LandmarkOutput
from flowact.training.landmarks.losses import cell_loss, likelihood_loss
from flowact.training.landmarks.windows import People
from flowact.training.loop.loop import Stateful
from flowact.training.loop.metrics import Values

HELD_OUT_WINDOWS: Final = 768
_WEIGHTS: Final = F.normalize(
    torch.tensor([2.0 if row in (*EYES, *MOUTH) else 1.0 for row in range(len(POINTS))]), 1, 0
)
"""Eyes and mouth are small, and what is made of them is fine."""


class Batch(NamedTuple):
    """`windows.Window` of N samples as tensors; pictures float [N, 3, 112, 112] in [0, 1]."""

    pictures: Tensor
    points: Tensor
    pose: Tensor
    eyes: Tensor
    mouth: Tensor
    hidden: Tensor
    face: Tensor


def draw_batch(people: People, count: int, rng: np.random.Generator) -> Batch:
    """Random windows."""
    columns = zip(*(people.window(rng) for _ in range(count)), strict=True)
    pictures, *rest = (torch.from_numpy(np.stack(column)) for column in columns)
    return Batch(pictures.permute(0, 3, 1, 2).float() / 255, *(value.float() for value in rest))


def landmark_loss(output: LandmarkOutput, batch: Batch) -> tuple[Tensor, Values]:
    """Gaussian likelihood of the points (Wood et al. 2022, equation 1), and plain errors of all else.

    Everything but the face's presence counts only where there is a face.
    """
    present = batch.face > 0.5
    true = batch.points[present]
    points = likelihood_loss(output.points[present], output.log_deviation[present], true)
    likelihood = (points @ _WEIGHTS).mean()
    cell = cell_loss(output.heat[present], true, CELLS)
    face = F.binary_cross_entropy_with_logits(output.face, batch.face)
    pose = F.smooth_l1_loss(output.pose[present] / POSE_SCALE, batch.pose[present] / POSE_SCALE)
    eyes = (output.eyes - batch.eyes).abs()[present].mean()
    mouth = (output.mouth - batch.mouth).abs()[present].mean()
    hidden = F.binary_cross_entropy_with_logits(output.hidden[present], batch.hidden[present])
    values = {
        "likelihood": likelihood,
        "cell": cell,
        "face": face,
        "pose": pose,
        "eyes": eyes,
        "mouth": mouth,
        "hidden": hidden,
    }
    return likelihood + cell + face + 4 * pose + 4 * eyes + 2 * mouth + hidden, values


@dataclass
class LandmarkStage:
    """Step `n` of seed `s` always draws the same windows, so that a resumed run is the run that never stopped."""

    model: nn.Module
    train: People
    heldout: People
    batch: int
    seed: int
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Loss of one batch."""
        batch = draw_batch(self.train, self.batch, np.random.default_rng([self.seed, step]))
        return landmark_loss(model(batch.pictures), batch)

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """On people never trained on: errors of one pass on windows as rough as those of training."""
        batch = draw_batch(self.heldout, HELD_OUT_WINDOWS, np.random.default_rng(self.seed))
        outputs = [cast(LandmarkNet, model)(part) for part in batch.pictures.split(96)]
        output = LandmarkOutput(*(torch.cat(column) for column in zip(*outputs, strict=True)))
        return landmark_errors(output, batch)


def landmark_errors(output: LandmarkOutput, batch: Batch) -> dict[str, float]:
    """Mean and median error in % of the distance between the outer corners of the eyes, and the other errors."""
    present = batch.face > 0.5
    true = batch.points[present]
    corners = true[:, [POINT["eye_corner_outer_left"], POINT["eye_corner_outer_right"]]]
    width = (corners[:, 0] - corners[:, 1]).norm(dim=-1)
    facing = batch.pose[present][:, 0].abs() < 40
    error = ((output.points[present] - true).norm(dim=-1) / width[:, None])[facing] * 100
    right = (output.face > 0) == present
    return {
        "error_percent": float(error.mean()),
        "error_percent_median": float(error.mean(1).median()),
        "face_accuracy": float(right.float().mean()),
        "yaw_error": float((output.pose - batch.pose)[present][:, 0].abs().mean()),
        "eyes_error": float((output.eyes - batch.eyes)[present].abs().mean()),
        "hidden_accuracy": float(
            ((output.hidden > 0) == (batch.hidden > 0.5))[present].float().mean()
        ),
        "mouth_error": float((output.mouth - batch.mouth)[present].abs().mean()),
    }
