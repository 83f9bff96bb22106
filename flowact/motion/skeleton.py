"""Forward kinematics of the body's bones: from the poses of `flowact.motion.joints` to how each bone moves."""

from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from flowact.motion.joints import FINGERS, JOINTS, PARENTS

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int32]


def parent_bone(bone: str) -> str | None:
    """The bone that a joint, or the section of a finger such as `index_2_left`, hangs on; None of the root."""
    if bone in PARENTS:
        return PARENTS[bone]
    finger, section, side = bone.split("_")
    return f"hand_{side}" if section == "1" else f"{finger}_{int(section) - 1}_{side}"


@dataclass(frozen=True)
class Skeleton:
    """Bones at rest.

    Attributes:
        bones: names, parents first: `JOINTS` that turn, and three sections of every finger.
        heads: where each begins, `[B, 3]`.
        hinges: of fingers, the axis about which they curl and the normal of the palm, `[2, 3]` each.
    """

    bones: tuple[str, ...]
    heads: Floats
    hinges: dict[str, Floats] = field(default_factory=dict)

    @property
    def parents(self) -> list[int]:
        """Row of the bone that each hangs on; -1 of the root."""
        above = (parent_bone(bone) for bone in self.bones)
        return [-1 if bone is None else self.bones.index(bone) for bone in above]

    def pose(self, pose: Floats) -> Floats:
        """Matrices `[B, 3, 4]` by which a pose `[J, 3]` moves what is fixed to each bone."""
        vectors = np.zeros((len(self.bones), 3))
        for i, bone in enumerate(self.bones):
            if bone in JOINTS:
                vectors[i] = pose[JOINTS.index(bone)]
            elif bone in self.hinges:
                vectors[i] = self._finger_vector(bone, pose)
        return self.turned(rotations(vectors).astype(np.float32))

    def turned(self, rotations: Floats) -> Floats:
        """Matrices `[B, 3, 4]` from each bone's own rotation `[B, 3, 3]`."""
        matrices = np.zeros((len(self.bones), 3, 4), np.float32)
        for i, parent in enumerate(self.parents):
            world, head = rotations[i], self.heads[i]
            if parent >= 0:
                above = matrices[parent]
                world, head = above[:, :3] @ world, above[:, :3] @ head + above[:, 3]
            matrices[i, :, :3] = world
            matrices[i, :, 3] = head - world @ self.heads[i]
        return matrices

    def _finger_vector(self, bone: str, pose: Floats) -> Floats:
        finger, section, side = bone.split("_")
        curl, thumb, spread = pose[JOINTS.index(f"fingers_{side}")]
        axis, normal = self.hinges[bone]
        if finger == "thumb":
            return np.asarray(axis * thumb * (0.5 if section == "1" else 0.8))
        if finger == "index":
            curl = curl + pose[JOINTS.index(f"index_{side}")][0]
        away = -1.0 if side == "left" else 1.0
        fan = away * (FINGERS.index(finger) - 2.5) * spread * (section == "1")
        return np.asarray(axis * curl + normal * fan)


def rotations(vectors: Floats) -> Floats:
    """Rotation matrices `[n, 3, 3]` of axes times angles `[n, 3]`, in radians (Rodrigues' formula)."""
    angles = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = (vectors / np.maximum(angles[:, :, 0], 1e-12)).T
    none = np.zeros_like(x)
    cross = np.stack([none, -z, y, z, none, -x, -y, x, none], 1).reshape(-1, 3, 3)
    turned = np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * (cross @ cross)
    return np.asarray(turned)


def skinned(vertices: Floats, bones: Integers, weights: Floats, matrices: Floats) -> Floats:
    """Linear blend skinning: vertices `[V, 3]` moved by `matrices [B, 3, 4]` of up to K bones each, `[V, K]`."""
    moved = np.empty_like(vertices)
    _skin(vertices, bones, weights, matrices, moved)
    return moved


@numba.njit(cache=True, fastmath=True, nogil=True)
def _skin(
    vertices: Floats, index: Integers, weight: Floats, matrices: Floats, result: Floats
) -> None:
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0], vertices[v, 1], vertices[v, 2]
        for r in range(3):
            total = 0.0
            for k in range(index.shape[1]):
                m = matrices[index[v, k], r]
                total += weight[v, k] * (m[0] * x + m[1] * y + m[2] * z + m[3])
            result[v, r] = total
