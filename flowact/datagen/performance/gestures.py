"""Named key poses of arms and hands, authored by where upper arms, forearms and palms point."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from flowact.datagen.appearance.body import Humanoid, Identity, between
from flowact.motion.joints import JOINTS, joint

Floats = NDArray[np.floating[Any]]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class ArmPose:
    """One arm, described for the left side (x is mirrored for the right).

    upper, forearm: directions in world axes; roll: turn of the forearm about itself and bend: flexion of the wrist
    towards the palm, degrees; fingers: curl, thumb curl, spread; index: extra curl of the index finger; lift:
    raise of the collar bone in degrees.
    """

    upper: Vector
    forearm: Vector
    roll: float = 0.0
    bend: float = 0.0
    fingers: Vector = (0.25, 0.2, 0.0)
    index: float = 0.0
    lift: float = 0.0


_WAVE = ArmPose((0.22, -0.9, 0.62), (-0.16, 1.0, 0.12), 95, 8, (0.10, 0.05, 0.10), lift=6)
_THINK = ArmPose((0.04, -0.45, 0.85), (-0.48, 1.0, -0.22), 20, -10, (0.95, 0.35, 0.0), -0.75)
_POINT = ArmPose((0.16, -0.75, 0.85), (-0.26, 0.50, 0.85), -50, 0, (1.35, 0.8, 0.0), -1.35)
_THUMB = ArmPose((0.20, -1.0, 0.70), (-0.30, 0.86, 0.55), -25, 0, (1.45, -0.55, 0.0))
_SHRUG = ArmPose((0.08, -1.0, 0.42), (-0.16, 0.62, 0.66), -105, -20, (0.20, 0.05, 0.08), lift=18)
_BEAT = ArmPose((0.22, -1.0, 0.50), (-0.30, 0.62, 0.62), -35, 5, (0.45, 0.25, 0.02))
_TOGETHER = ArmPose((0.22, -1.0, 0.75), (-0.60, 0.62, 0.45), 10, 10, (0.55, 0.30, 0.0))


def _aim(arm: ArmPose, side: str, rest: dict[str, Floats]) -> Floats:
    """The pose array of one raised arm."""
    mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
    sign = mirror[0]
    pose = np.zeros((len(JOINTS), 3), np.float32)
    shoulder, elbow, wrist = (rest[f"{j}_{side}"] for j in ("upper_arm", "forearm", "hand"))
    upper = between(elbow - shoulder, np.array(arm.upper) * mirror)
    forearm = np.array(arm.forearm) * mirror
    turn = between(upper.apply(wrist - elbow), forearm)
    axis = forearm / np.linalg.norm(forearm)
    turn = Rotation.from_rotvec(axis * np.radians(arm.roll) * sign) * turn
    across = rest[f"index_1_{side}"] - rest[f"little_1_{side}"]
    pose[joint(f"clavicle_{side}")] = (0, 0, sign * np.radians(arm.lift))
    pose[joint(f"upper_arm_{side}")] = upper.as_rotvec()
    pose[joint(f"forearm_{side}")] = (upper.inv() * turn * upper).as_rotvec()
    pose[joint(f"hand_{side}")] = sign * across / np.linalg.norm(across) * np.radians(arm.bend)
    pose[joint(f"fingers_{side}")] = arm.fingers
    pose[joint(f"index_{side}")] = (arm.index, 0, 0)
    return pose


@cache
def _rest_joints() -> dict[str, Floats]:
    """Where the joints of an average body stand at rest."""
    humanoid = Humanoid.load()
    heads = humanoid.shape(Identity(0.5)).joints
    return dict(zip(humanoid.bones, heads, strict=True))


@cache
def key_poses() -> dict[str, Floats]:
    """Pose arrays [J, 3] by name; fingers of a hanging hand are relaxed by the animation.

    Raises UserError when the body data is missing.
    """
    rest = _rest_joints()
    poses: dict[str, Floats] = {"idle": np.zeros((len(JOINTS), 3), np.float32)}
    one_sided = {
        "wave": _WAVE,
        "think": _THINK,
        "point": _POINT,
        "thumbs_up": _THUMB,
        "beat": _BEAT,
    }
    for name, arm in one_sided.items():
        for side in ("left", "right"):
            poses[f"{name}_{side}"] = _aim(arm, side, rest)
    for name, arm in (("shrug", _SHRUG), ("beat_both", _BEAT), ("hands_together", _TOGETHER)):
        poses[name] = np.asarray(_aim(arm, "left", rest) + _aim(arm, "right", rest), np.float32)
    for name in ("think", "point", "thumbs_up"):
        poses[name] = poses[f"{name}_right"]
    return poses
