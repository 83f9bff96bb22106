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
    LOWER_TEETH,
    MOUTH,
    SKIN,
    UPPER_TEETH,
    VERTEX,
    MeshTemplate,
    template_path,
    with_ring,
)

Floats = NDArray[np.floating[Any]]

JAW_OPEN: Final = 0.3
"""The mouth opens so far for the triangulation, or there would be nothing between the lips."""
COLUMNS: Final = 8
COLUMN: Final = 0.06
"""Columns of front teeth, and the width of one in decimetres. An incisor is wider: its edges belong to two."""
FRONT: Final = 0.25
"""How far behind the foremost tooth a vertex may be to be in front."""
RAISED: Final = 0.04
"""Decimetres that both rows stand higher behind the lips of rendered people than behind the average face's."""
INNER_LIPS: Final = tuple(vertex for name, vertex in VERTEX.items() if name.startswith("inner_"))


def make_template() -> MeshTemplate:
    """Points and curves of the humanoid's own face, Delaunay's triangles of its front view."""
    neutral, curves = _points()
    skin, teeth = np.split(neutral, [len(LANDMARKS)])
    teeth[:, 1] += RAISED
    opened = (skin + JAW_OPEN * curves[ARKIT.index("jawOpen"), : len(skin)])[:, :2]
    outline = torch.from_numpy(np.sort(ConvexHull(opened).vertices)).long()
    triangles = Delaunay(with_ring(torch.from_numpy(opened), outline).numpy()).simplices
    # The ring comes after the teeth, of which this triangulation knows nothing.
    triangles = np.where(triangles < len(skin), triangles, triangles + len(teeth))
    kinds = np.array([_kind(triangle) for triangle in triangles])
    # Painter's order: what lies deeper first.
    meshes = [(triangles[kinds == kind], kind) for kind in (EYE, MOUTH)]
    meshes += [*_teeth_triangles(len(skin)), (triangles[kinds == SKIN], SKIN)]
    return MeshTemplate(
        torch.from_numpy(skin).float(),
        torch.from_numpy(curves).float(),
        torch.from_numpy(teeth).float(),
        outline,
        torch.from_numpy(np.concatenate([part for part, _ in meshes])).int(),
        torch.cat([torch.full((len(part),), kind) for part, kind in meshes]).int(),
    )


def _points() -> tuple[Floats, Floats]:
    """Landmarks and teeth at rest `[87 + 32, 3]` and what every curve adds `[52, 87 + 32, 3]`, in decimetres."""
    humanoid = Humanoid.load()
    rows = face_point_vertices(humanoid)
    kept = [rows[row] for row in LANDMARKS] + [np.array([v]) for v in _teeth_vertices(humanoid)]
    moving, units = humanoid.units
    curves = []
    for unit in units.reshape(len(ARKIT), -1, 3):
        vertices = np.zeros_like(humanoid.template)
        vertices[moving] = unit
        curves.append(face_points(vertices, kept))
    return face_points(humanoid.template, kept), np.stack(curves)


def _teeth_vertices(humanoid: Humanoid) -> list[int]:
    """Upper rim, then lower rim of the upper and of the lower front teeth, the person's right to left."""
    chosen: list[int] = []
    for part in ("teeth_upper", "teeth_lower"):
        teeth = np.flatnonzero(humanoid.part_vertices(part))
        x, y, z = humanoid.template[teeth].T
        columns = [
            np.flatnonzero((np.abs(x - centre) < COLUMN) & (z > z.max() - FRONT))
            for centre in COLUMN * (np.arange(COLUMNS) - (COLUMNS - 1) / 2)
        ]
        chosen += [int(teeth[column[y[column].argmax()]]) for column in columns]
        chosen += [int(teeth[column[y[column].argmin()]]) for column in columns]
    return chosen


def _teeth_triangles(first: int) -> list[tuple[NDArray[np.int64], int]]:
    """Two triangles between each column and the next, the lower teeth first, which the upper ones cover."""
    strips = []
    for start, kind in ((first, UPPER_TEETH), (first + 2 * COLUMNS, LOWER_TEETH)):
        upper = start + np.arange(COLUMNS - 1)
        lower = upper + COLUMNS
        corners = [[upper, upper + 1, lower], [upper + 1, lower + 1, lower]]
        strips.append((np.concatenate([np.stack(c, 1) for c in corners]), kind))
    return strips[::-1]


def _kind(triangle: NDArray[np.integer[Any]]) -> int:
    corners = set(triangle.tolist())
    if any(corners <= set(LIDS[side]) for side in EYE_SIDES):
        return EYE
    return MOUTH if corners <= set(INNER_LIPS) else SKIN


def save_template(template: MeshTemplate) -> None:
    """Write a template where `load_template` finds it."""
    half = {"neutral": template.neutral, "curves": template.curves, "teeth": template.teeth}
    small = {"outline": template.outline, "triangles": template.triangles, "kinds": template.kinds}
    arrays = {name: tensor.contiguous().numpy().astype(np.float32) for name, tensor in half.items()}
    arrays |= {name: tensor.contiguous().numpy().astype(np.uint8) for name, tensor in small.items()}
    save_file(arrays, template_path())


if __name__ == "__main__":
    save_template(make_template())
