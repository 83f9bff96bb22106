"""The mesh of the average face for `flowact.motion.face_mesh`, from the humanoid.

`python -m flowact.datagen.face_mesh_template` writes it to `assets/face_mesh.safetensors`.
"""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.spatial import ConvexHull, Delaunay

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.face_point_vertices import face_point_vertices, face_points
from flowact.motion.arkit import ARKIT
from flowact.motion.face_mesh import (
    EYE,
    EYE_SIDES,
    LANDMARKS,
    LIDS,
    MOUTH,
    SKIN,
    VERTEX,
    MeshTemplate,
    template_path,
    with_ring,
)

Floats = NDArray[np.floating[Any]]

JAW_OPEN: Final = 0.3
"""The mouth opens so far for the triangulation, or there would be nothing between the lips."""
INNER_LIPS: Final = tuple(vertex for name, vertex in VERTEX.items() if name.startswith(("inner_",)))


def make_template() -> MeshTemplate:
    """Points and curves of the humanoid's own face, Delaunay's triangles of its front view."""
    neutral, curves = _points()
    opened = (neutral + JAW_OPEN * curves[ARKIT.index("jawOpen")])[:, :2]
    outline = torch.from_numpy(np.sort(ConvexHull(opened).vertices)).long()
    triangles = Delaunay(with_ring(torch.from_numpy(opened), outline).numpy()).simplices
    kinds = np.array([_kind(triangle) for triangle in triangles])
    # Lids and lips are drawn over what lies behind them.
    order = np.argsort(kinds == SKIN, kind="stable")
    return MeshTemplate(
        torch.from_numpy(neutral).float(),
        torch.from_numpy(curves).float(),
        outline,
        torch.from_numpy(triangles[order]).int(),
        torch.from_numpy(kinds[order]).int(),
    )


def _points() -> tuple[Floats, Floats]:
    """Landmarks at rest `[87, 3]` and what every curve adds `[52, 87, 3]`, in decimetres."""
    humanoid = Humanoid.load()
    rows = face_point_vertices(humanoid)
    moving, units = humanoid.units
    neutral = face_points(humanoid.template, rows)
    curves = []
    for unit in units.reshape(len(ARKIT), -1, 3):
        vertices = np.zeros_like(humanoid.template)
        vertices[moving] = unit
        curves.append(face_points(vertices, rows))
    kept = list(LANDMARKS)
    return neutral[kept], np.stack(curves)[:, kept]


def _kind(triangle: NDArray[np.integer[Any]]) -> int:
    corners = set(triangle.tolist())
    if any(corners <= set(LIDS[side]) for side in EYE_SIDES):
        return EYE
    return MOUTH if corners <= set(INNER_LIPS) else SKIN


def save_template(template: MeshTemplate) -> None:
    """Write a template where `load_template` finds it."""
    half = {"neutral": template.neutral, "curves": template.curves}
    small = {"outline": template.outline, "triangles": template.triangles, "kinds": template.kinds}
    arrays = {name: tensor.contiguous().numpy().astype(np.float32) for name, tensor in half.items()}
    arrays |= {name: tensor.contiguous().numpy().astype(np.uint8) for name, tensor in small.items()}
    save_file(arrays, template_path())


if __name__ == "__main__":
    save_template(make_template())
