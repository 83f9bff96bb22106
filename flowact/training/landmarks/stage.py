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
from flowact.training.landmarks.windows import People
from flowact.training.loop.loop import Stateful
from flowact.training.loop.metrics import Values

HELD_OUT_WINDOWS: Final = 768
_UNIT: Final = 0.05
"""Error, in half windows, at which the likelihood counts as 0; only sets the scale of the loss."""
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
    squares = (output.points - batch.points).square().sum(-1)[present]
    log_deviation = output.log_deviation[present]
    points = 2 * log_deviation + 0.5 * squares * torch.exp(-2 * log_deviation)
    likelihood = (points @ _WEIGHTS).mean() - 2 * float(np.log(_UNIT))
    cell = _cell_loss(output.heat[present], batch.points[present])
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


def _cell_loss(heat: Tensor, points: Tensor) -> Tensor:
    """Cross entropy of the heat maps with the four cells around each point, whose mean place is the point.

    Far stronger than the likelihood at first. Points beyond the window do not count.
    """
    place = (points + 1) * (CELLS / 2) - 0.5
    inside = ((place >= 0) & (place < CELLS - 1)).all(-1)
    logarithm, place = heat[inside].log_softmax(-1), place[inside]
    corner = place.floor()
    share, first = place - corner, corner[:, 1] * CELLS + corner[:, 0]
    loss = torch.zeros(())
    for down in (0, 1):
        for right in (0, 1):
            cell = (first + down * CELLS + right).long()[:, None]
            weight = (share[:, 0] - (1 - right)).abs() * (share[:, 1] - (1 - down)).abs()
            loss = loss - (weight * logarithm.gather(1, cell)[:, 0]).mean()
    return loss


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
