"""The mesh of forearms and hands of an average body, and how poses move it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from flowact import assets
from flowact.errors import UserError
from flowact.motion.joints import FINGERS
from flowact.motion.skeleton import Skeleton, skinned

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int32]

ARM_SIDES: Final = ("left", "right")
SECTIONS: Final = tuple(
    f"{finger}_{section}_{side}"
    for side in ARM_SIDES
    for finger in FINGERS
    for section in (1, 2, 3)
)
"""Bones of the fingers."""
BONES: Final = (
    *("spine", "chest"),
    *(
        f"{name}_{side}"
        for side in ARM_SIDES
        for name in ("clavicle", "upper_arm", "forearm", "hand")
    ),
    *SECTIONS,
)
HAND, FOREARM = range(2)
"""Kinds of triangles."""


@dataclass(frozen=True)
class ArmMesh:
    """Forearms and hands. Decimetres; X points to the person's left, Y up, Z to the viewer.

    Attributes:
        vertices: at rest, `[V, 3]`.
        triangles: `[T, 3]`, anticlockwise from outside.
        kinds: `[T]`, `HAND` or `FOREARM`.
        sides: `[T]`, 0 of the left arm and 1 of the right.
        bones, weights: up to four bones of each vertex and their shares, `[V, 4]`.
        eyes: middle of the left and of the right eye at rest, `[2, 3]`.
        skeleton: that moves them.
        key_poses: of the left and of the right arm's joints, `[2, K, 6, 3]`; see `flowact.motion.gestures`.
    """

    vertices: Floats
    triangles: Integers
    kinds: Integers
    sides: Integers
    bones: Integers
    weights: Floats
    eyes: Floats
    skeleton: Skeleton
    key_poses: Floats

    def moved(self, matrices: Floats) -> Floats:
        """Vertices `[V, 3]` as the bones' matrices `[B, 3, 4]` move them; see `Skeleton.pose`."""
        return skinned(self.vertices, self.bones, self.weights, matrices)


def arm_mesh_path() -> Path:
    """Where the mesh lies in the assets."""
    return assets.folder() / "arm_mesh.safetensors"


@lru_cache(maxsize=1)
def load_arm_mesh() -> ArmMesh:
    """The mesh of the assets, read once; UserError if it is missing or damaged."""
    path = arm_mesh_path()
    if not path.is_file():
        raise UserError(f"{path} is missing; it comes with the repository.")
    try:
        arrays = load_file(path)
        hinges = dict(zip(SECTIONS, arrays["hinges"], strict=True))
        whole = {
            name: arrays[name].astype(np.int32) for name in ("triangles", "kinds", "sides", "bones")
        }
        return ArmMesh(
            vertices=arrays["vertices"],
            weights=arrays["weights"],
            eyes=arrays["eyes"],
            skeleton=Skeleton(BONES, arrays["heads"], hinges),
            key_poses=arrays["key_poses"],
            **whole,
        )
    except (SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path} is damaged or of another version.") from error
