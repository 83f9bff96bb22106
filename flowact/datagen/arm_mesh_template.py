"""Forearms and hands of the average body for `flowact.motion.arm_mesh`, from the humanoid.

`python -m flowact.datagen.arm_mesh_template` writes them to `assets/arm_mesh.safetensors`.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from flowact.datagen.appearance.body import Humanoid, Identity
from flowact.datagen.performance.gestures import key_poses
from flowact.motion.arm_mesh import ARM_SIDES, BONES, FOREARM, HAND, SECTIONS, arm_mesh_path
from flowact.motion.gestures import ARM_JOINTS, PARTIAL, WHOLE
from flowact.motion.joints import joint

Floats = NDArray[np.floating[Any]]

AVERAGE: Final = Identity(gender=0.4, age=0.3, race=(0.3, 0.3, 0.4))
EYES: Final = slice(4, 6)
"""Of the landmarks of the body."""


def make_arm_mesh() -> dict[str, NDArray[Any]]:
    """The arrays of `ArmMesh`, of an average body."""
    humanoid = Humanoid.load()
    body = humanoid.shape(AVERAGE)
    main = [humanoid.bones[bone] for bone in humanoid.skin_index[:, 0]]
    hand = np.array([bone in SECTIONS or bone.startswith("hand_") for bone in main])
    arm = hand | np.array([bone.startswith("forearm_") for bone in main])
    skin = humanoid.triangles[humanoid.part_mask("body")]
    triangles = skin[arm[skin].all(1)]
    rows, renamed = np.unique(triangles, return_inverse=True)
    bones, weights = _skinning(humanoid, rows)
    kept = [humanoid.bones.index(bone) for bone in BONES]
    triangles = triangles.reshape(-1, 3)
    return {
        "vertices": body.rest[rows].astype(np.float32),
        "triangles": renamed.reshape(-1, 3).astype(np.int16),
        "kinds": np.where(hand[triangles].all(1), HAND, FOREARM).astype(np.int8),
        "sides": (body.rest[triangles, 0].mean(1) < 0).astype(np.int8),
        "bones": bones,
        "weights": weights,
        "eyes": body.landmarks(body.rest)[EYES],
        "heads": body.joints[kept].astype(np.float32),
        "hinges": np.stack([body.skeleton.hinges[bone] for bone in SECTIONS]).astype(np.float32),
        "key_poses": np.stack([_key_poses(side) for side in ARM_SIDES]).astype(np.float32),
    }


def _key_poses(side: str) -> Floats:
    """Key poses of the joints of one arm, `[K, 6, 3]`."""
    known, rows = key_poses(), [joint(f"{name}_{side}") for name in ARM_JOINTS]
    names = ((f"{name}_{side}", name) for name in (*WHOLE, *PARTIAL))
    return np.stack([(known[one] if one in known else known[both])[rows] for one, both in names])


def _skinning(humanoid: Humanoid, rows: NDArray[np.integer]) -> tuple[NDArray[np.int8], Floats]:
    """Bones and shares `[V, 4]` of some vertices, without the bones that are not of the arms."""
    names = [humanoid.bones[bone] for bone in range(len(humanoid.bones))]
    known = np.array([BONES.index(name) if name in BONES else -1 for name in names])
    bones = known[humanoid.skin_index[rows]]
    weights = np.where(bones >= 0, humanoid.skin_weight[rows], 0)
    return (
        np.maximum(bones, 0).astype(np.int8),
        (weights / weights.sum(1, keepdims=True)).astype(np.float32),
    )


if __name__ == "__main__":
    save_file(make_arm_mesh(), arm_mesh_path())
