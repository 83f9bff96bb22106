"""Looking at a portrait: landmarks, pose, notices and the aligned picture. Imports `media` and below.

Who reads a picture that is a frame already needs no landmark network, and so no PyTorch.
"""

from typing import TYPE_CHECKING

from flowact.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from flowact.portrait.points import frame_points, reference_points
    from flowact.portrait.portrait import Portrait, look_at_portrait, read_portrait
    from flowact.portrait.reference import load_reference, named_portraits

__all__ = [
    "Portrait",
    "frame_points",
    "load_reference",
    "look_at_portrait",
    "named_portraits",
    "read_portrait",
    "reference_points",
]
__getattr__ = lazy_exports(
    __name__,
    {
        "Portrait": "flowact.portrait.portrait",
        "frame_points": "flowact.portrait.points",
        "load_reference": "flowact.portrait.reference",
        "look_at_portrait": "flowact.portrait.portrait",
        "named_portraits": "flowact.portrait.reference",
        "read_portrait": "flowact.portrait.portrait",
        "reference_points": "flowact.portrait.points",
    },
)
