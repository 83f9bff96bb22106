"""What is kept of the eyes of references, to be shown instead of what a decoder makes of them."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from flowact.tokenizer.face_mesh.eye import find_eyes
from flowact.tokenizer.face_mesh.fit import FittedFaces
from flowact.tokenizer.face_mesh.lids import ShutLids, shut_lids
from flowact.tokenizer.face_mesh.open_eyes import OpenEyes


@dataclass(frozen=True)
class ReferenceEyes:
    """The eyes of some references.

    Attributes:
        open: as they are, where they are to be shown.
        shut: with lids that were painted shut, where those are to be drawn.
    """

    open: OpenEyes | None = None
    shut: ShutLids | None = None

    @classmethod
    def of(cls, picture: Tensor, faces: FittedFaces, eyes: float, lids: float) -> Self:
        """Look at references `[batch, 3, 480, 480]` in [-1, 1], and prepare so much of open eyes and of shut lids."""
        found = find_eyes(picture, faces)
        opened = OpenEyes(picture, found, eyes) if eyes else None
        return cls(opened, shut_lids(picture, found, lids))
