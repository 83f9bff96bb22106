"""The 18 joints that animation drives, and the pose array's meaning.

A pose is float32 [J, 3]. Body joints hold axis-angle rotations in radians against a relaxed standing rest
pose; every joint's frame at rest is aligned with the world (+X the person's left, +Y up, +Z forward), parents
first. `fingers_*` hold (curl of the four fingers, curl of the thumb, spread) and `index_*` hold (extra curl
of the index finger, 0, 0), all in radians about the fingers' own hinges.
"""

JOINTS: tuple[str, ...] = (
    "spine", "chest", "neck", "head", "eye_left", "eye_right",
    "clavicle_left", "upper_arm_left", "forearm_left", "hand_left", "fingers_left", "index_left",
    "clavicle_right", "upper_arm_right", "forearm_right", "hand_right", "fingers_right", "index_right",
)  # fmt: skip

PARENTS: dict[str, str | None] = {
    "spine": None, "chest": "spine", "neck": "chest", "head": "neck", "eye_left": "head", "eye_right": "head",
    "clavicle_left": "chest", "upper_arm_left": "clavicle_left", "forearm_left": "upper_arm_left",
    "hand_left": "forearm_left", "clavicle_right": "chest", "upper_arm_right": "clavicle_right",
    "forearm_right": "upper_arm_right", "hand_right": "forearm_right",
}  # fmt: skip

FINGERS = ("thumb", "index", "middle", "ring", "little")


def joint(name: str) -> int:
    """Row of a joint in a pose array. Raises ValueError for an unknown name."""
    if name not in JOINTS:
        raise ValueError(f"unknown joint {name!r}; expected one of {', '.join(JOINTS)}")
    return JOINTS.index(name)
