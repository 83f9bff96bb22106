"""Looking at a portrait: landmarks, pose, notices and the aligned picture. Imports `media` and below."""

from flowact.portrait.portrait import (
    Portrait,
    load_reference,
    look_at_portrait,
    named_portraits,
    read_portrait,
)
from flowact.portrait.reference_points import frame_points

__all__ = [
    "Portrait",
    "frame_points",
    "load_reference",
    "look_at_portrait",
    "named_portraits",
    "read_portrait",
]
