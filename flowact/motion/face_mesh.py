"""The mesh of an average face: its points, how each face curve moves them, and its triangles."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from flowact import assets
from flowact.errors import UserError
from flowact.motion.face_points import POINTS

LANDMARKS: Final = tuple(row for row, name in enumerate(POINTS) if "pupil" not in name)
"""Rows of the landmarks that are vertices; eyeballs turn under the lids and are none."""
VERTEX: Final = {POINTS[row]: vertex for vertex, row in enumerate(LANDMARKS)}
"""Vertex of a landmark by its name."""
EYE_SIDES: Final = ("left", "right")
LIDS: Final = {
    side: tuple(VERTEX[name] for name in VERTEX if name.startswith("eye_") and name.endswith(side))
    for side in EYE_SIDES
}
"""Vertices of the lids and corners of each eye."""
RING: Final = 1.4
"""How far from the middle of the face its mesh ends, in distances of its outermost landmarks."""
SKIN, EYE, MOUTH, UPPER_TEETH, LOWER_TEETH = range(5)
"""Kinds of triangles: skin and lips, what is seen between the lids, and between the lips."""


@dataclass(frozen=True)
class MeshTemplate:
    """The mesh of an average face. Vertices are `LANDMARKS`, teeth, then a ring around them that never moves.

    Attributes:
        neutral: `[87, 3]`, landmarks at rest; X points to the person's left, Y up, Z to the viewer.
        curves: `[52, 87 + 32, 3]`, what each ARKit curve adds at full strength to landmarks and teeth.
        teeth: `[32, 3]`, the rims of both rows of front teeth.
        outline: `[R]`, landmarks that the ring's vertices lie outside of.
        triangles: `[T, 3]`, vertices, those of the skin last: lids cover eyes, and lips teeth.
        kinds: `[T]`, `SKIN`, `EYE`, `MOUTH`, `UPPER_TEETH` or `LOWER_TEETH`.
    """

    neutral: Tensor
    curves: Tensor
    teeth: Tensor
    outline: Tensor
    triangles: Tensor
    kinds: Tensor


def with_ring(vertices: Tensor, outline: Tensor) -> Tensor:
    """Vertices `[..., v, k]` that begin with the landmarks, then points outside of some of those, `outline [R]`."""
    middle = vertices[..., : len(LANDMARKS), :].mean(-2, keepdim=True)
    return torch.cat([vertices, middle + RING * (vertices[..., outline, :] - middle)], -2)


def template_path() -> Path:
    """Where the template lies in the assets."""
    return assets.folder() / "face_mesh.safetensors"


@lru_cache(maxsize=1)
def load_template() -> MeshTemplate:
    """The template of the assets, read once; UserError if it is missing or damaged."""
    path = template_path()
    if not path.is_file():
        raise UserError(f"{path} is missing; it comes with the repository.")
    try:
        tensors = load_file(path)
        return MeshTemplate(
            tensors["neutral"].float(),
            tensors["curves"].float(),
            tensors["teeth"].float(),
            tensors["outline"].long(),
            tensors["triangles"].int(),
            tensors["kinds"].int(),
        )
    except (SafetensorError, KeyError) as error:
        raise UserError(f"{path} is damaged or of another version.") from error
