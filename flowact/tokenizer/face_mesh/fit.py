"""Fitting the mesh to the landmarks of a reference, once per session.

The landmarks themselves are the vertices; what the fit adds is how face curves move them there. The average
face is turned and scaled to the landmarks (scaled orthographic projection), and its curves with it.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from flowact.motion.arkit import ARKIT
from flowact.motion.face_mesh import (
    EYE_SIDES,
    LANDMARKS,
    LIDS,
    VERTEX,
    MeshTemplate,
    load_template,
    with_ring,
)

LID_CURVES: Final = ("eyeBlink", "eyeSquint", "eyeWide")
MOST: Final = 2.5
"""How many times further than the average face's a lid may move."""
_ROUND: Final = {
    "inner_lower": {"inner_lower_1": 0.4, "inner_lower_2": 0.1},
    "lip_lower": {"lip_lower_2": 0.4},
}
"""How far points beside the middle of the lower lip go along with it."""


@dataclass(frozen=True)
class FittedFaces:
    """The meshes of `batch` references, in pixels of the frame; a face that nobody found has no area.

    Attributes:
        vertices: `[batch, V, 2]`.
        shifts: `[batch, 52, 87 + 32, 2]`, what each curve at full strength adds to landmarks and teeth.
    """

    vertices: Tensor
    shifts: Tensor

    @property
    def found(self) -> Tensor:
        """Which of the faces somebody found, `[batch]`."""
        return self.shifts.flatten(1).any(1)

    def shifted(self, curves: Tensor) -> Tensor:
        """How far curves `[batch, n, 52]`, relative to the reference, move the vertices, `[batch, n, V, 2]`."""
        batch, frames = curves.shape[:2]
        moved = (curves @ self.shifts.flatten(2)).unflatten(-1, (-1, 2))
        still = moved.new_zeros(batch, frames, self.vertices.shape[1] - moved.shape[2], 2)
        return torch.cat([moved, still], 2)


@torch.autocast("cpu", enabled=False)
def fit_faces(points: Tensor) -> FittedFaces:
    """Meshes for landmarks `[batch, 89, 2]` in pixels of the frame; rows that are not numbers are no face."""
    template = load_template()
    landmarks = points.float()[:, list(LANDMARKS)].cpu()
    known = landmarks.isfinite().all(2).all(1)
    landmarks = torch.where(known[:, None, None], landmarks, 0.0)
    projection = _projection(landmarks, template.neutral)
    shifts = torch.einsum("bij,cvj->bcvi", projection, template.curves)
    for side in EYE_SIDES:
        _fit_lids(shifts, landmarks, side)
        _round_lower_lip(shifts, side)
    shifts = torch.where(known[:, None, None, None], shifts, 0.0)
    teeth = torch.where(known[:, None, None], _teeth(landmarks, projection, template), 0.0)
    return FittedFaces(with_ring(torch.cat([landmarks, teeth], 1), template.outline), shifts)


def _teeth(landmarks: Tensor, projection: Tensor, template: MeshTemplate) -> Tensor:
    """Teeth `[batch, 32, 2]` behind the lips: where the average face has them from the middle of the mouth."""
    lips = [VERTEX["inner_upper"], VERTEX["inner_lower"]]
    from_lips = template.teeth - template.neutral[lips].mean(0)
    placed: Tensor = landmarks[:, lips].mean(1, keepdim=True) + from_lips @ projection.mT
    return placed


def _projection(landmarks: Tensor, neutral: Tensor) -> Tensor:
    """Scaled rotations `[batch, 2, 3]` that take the average face to landmarks, from least squares' affine map."""
    centred = neutral - neutral.mean(0)
    # `pinv` and not a solve: a face without area has no unique map.
    affine = (landmarks - landmarks.mean(1, keepdim=True)).mT @ torch.linalg.pinv(centred).mT
    u, stretch, v = torch.linalg.svd(affine, full_matrices=False)
    return stretch.mean(1)[:, None, None] * (u @ v)


def _fit_lids(shifts: Tensor, landmarks: Tensor, side: str) -> None:
    """Let a full blink move an eye's upper lid just onto the lower one, however far this eye is open."""
    upper, lower = VERTEX[f"eye_lid_upper_{side}"], VERTEX[f"eye_lid_lower_{side}"]
    blink = ARKIT.index(f"eyeBlink{side.title()}")
    along = shifts[:, blink, upper]
    reach = along.square().sum(1).clamp(min=1e-6)
    gap = ((landmarks[:, lower] - landmarks[:, upper]) * along).sum(1) / reach
    factor = gap.clamp(0, MOST)
    curves = [row for row, name in enumerate(ARKIT) if name.startswith(LID_CURVES)]
    lids = list(LIDS[side])
    for curve in curves:
        shifts[:, curve, lids] *= factor[:, None, None]


def _round_lower_lip(shifts: Tensor, side: str) -> None:
    """Let the lower lip be round when it goes down: the rig's comes to a point in its middle."""
    for middle, beside in _ROUND.items():
        down = shifts[:, :, VERTEX[middle], 1]
        for name, share in beside.items():
            vertex = VERTEX[f"{name}_{side}"]
            shifts[:, :, vertex, 1] = torch.lerp(shifts[:, :, vertex, 1], down, share)
