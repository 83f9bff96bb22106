"""The 89 points of a face that the landmark network finds: their names, groups and mirror images."""

from typing import Final

_LIDS: Final = (
    *("corner_inner", "lid_upper_inner", "lid_upper", "lid_upper_outer"),
    *("corner_outer", "lid_lower_outer", "lid_lower", "lid_lower_inner"),
)
_SIDE: Final = (
    *(f"eye_{part}" for part in (*_LIDS, "pupil")),
    *(f"brow_{i}" for i in range(5)),
    *("lip_peak", "lip_upper_1", "lip_upper_2", "mouth_corner", "lip_lower_1", "lip_lower_2"),
    *("inner_upper_1", "inner_upper_2", "inner_corner", "inner_lower_1", "inner_lower_2"),
    *("nose_wing", "nostril"),
    *(f"jaw_{i}" for i in range(7)),
    *("cheek_high", "cheek_low", "forehead", "temple"),
)
_MIDDLE: Final = (
    *("lip_upper", "lip_lower", "inner_upper", "inner_lower"),
    *("nose_root", "nose_bridge_1", "nose_bridge_2", "nose_tip", "nose_base", "nose_foot"),
    *("chin_front", "chin", "forehead"),
)

POINTS: Final = (
    *(f"{name}_left" for name in _SIDE),
    *(f"{name}_right" for name in _SIDE),
    *_MIDDLE,
)
"""Names of the points in the order of every array `[..., 89, 2]`; left and right are the person's own."""

POINT: Final = {name: row for row, name in enumerate(POINTS)}

MIRROR: Final = tuple(
    POINT[
        name.replace("_left", "_right")
        if name.endswith("_left")
        else name.replace("_right", "_left")
    ]
    for name in POINTS
)
"""Where the point that stands for each one in a mirrored picture is found."""

EYES: Final = tuple(row for row, name in enumerate(POINTS) if name.startswith("eye_"))
MOUTH: Final = tuple(
    row for row, name in enumerate(POINTS) if name.startswith(("lip_", "inner_", "mouth_"))
)
"""Rows of the points of both eyes, and of the mouth."""

_PAIRED: Final = ("eye_corner_inner", "eye_corner_outer", "mouth_corner")
STEADY: Final = (
    *(POINT[f"{name}_left"] for name in _PAIRED),
    *(POINT[f"{name}_right"] for name in _PAIRED),
    POINT["nose_tip"],
    POINT["chin"],
)
"""Eye corners, mouth corners, tip of the nose and chin: what a portrait is aligned by."""
