"""The inside of an open mouth: teeth, and the dark behind them, where the mesh has them.

A decoder that learns from pictures alone paints the mean of what may be between the lips, which is neither. Where
the teeth are is known to a few pixels, and light and skin say how bright they may be. The numbers are chosen by
eye on portraits; nothing is learned here.
"""

from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.motion.face_mesh import EYE_SIDES, VERTEX
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.fit import FittedFaces
from flowact.tokenizer.face_mesh.raster import MESH_CELLS
from flowact.tokenizer.face_mesh.teeth import Opening, light_inside, shares_inside
from flowact.tokenizer.layers import to_overwrite
from flowact.tokenizer.views import FACE
from flowact.tokenizer.warp import enlarge

_BARE: Final = tuple(v for name, v in VERTEX.items() if name.startswith(("nose_", "chin")))
"""Vertices where most faces show skin."""
_EYES: Final = tuple(VERTEX[f"eye_corner_outer_{side}"] for side in EYE_SIDES)
_DARK: Final = (0.3, 0.12, 0.11)
"""Of the skin's brightness, what is left behind the teeth, per channel."""
_TONGUE: Final = (0.52, 0.25, 0.24)
"""The same of a tongue in that dark."""
_ENAMEL: Final = (0.98, 0.93, 0.87)
_DIM, _LIT = 0.3, 0.58
"""Brightness 0..1 of teeth in the dark, and what full light on the skin adds."""
_BEHIND: Final = 0.65
"""Of the brightness of upper teeth, that of lower ones, which the lip shades."""
_SHARES: Final = (0.7, 0.65, 0.85, 0.7)
"""How much of the dark, the tongue, upper and lower teeth is drawn over what the decoder painted."""
_FACE: Final = 88.0
"""Millimetres between the outer corners of the eyes."""
_REACH: Final = 6
"""Cells beyond the lips to which blurring and enlarging carry."""
_CRISP: Final = 2.0
"""How much steeper than that blur the edge of a lip is."""


@dataclass(frozen=True)
class MouthLook:
    """How the inside of the mouths of some references looks.

    Attributes:
        colours: of the dark, the tongue, upper and lower teeth, `[batch, 4, 3]` in [-1, 1].
        scale: cells of the mesh's maps that a millimetre takes, `[batch]`.
        amount: how much of it is drawn, 0..1.
    """

    colours: Tensor
    scale: Tensor
    amount: float


def look_of_mouths(picture: Tensor, faces: FittedFaces, amount: float) -> MouthLook | None:
    """What suits references `[batch, 3, 480, 480]`; None where nothing is to be drawn."""
    if not amount:
        return None
    vertices = faces.vertices.to(picture.device)
    places = vertices[:, None, _BARE] * (2 / FRAME_SIZE) - 1
    skin = (F.grid_sample(picture, places, align_corners=False).mean((2, 3)) + 1) / 2
    teeth = (_DIM + _LIT * skin.amax(1, keepdim=True)) * skin.new_tensor(_ENAMEL)
    dark, tongue = (skin * skin.new_tensor(shade) for shade in (_DARK, _TONGUE))
    colours = torch.stack([dark, tongue, teeth, _BEHIND * teeth], 1) * 2 - 1
    apart = (vertices[:, _EYES[0]] - vertices[:, _EYES[1]]).norm(dim=1)
    return MouthLook(colours, apart * (MESH_CELLS / FACE.size / _FACE), amount)


def without_lips(mask: Tensor, lips: Tensor) -> Tensor:
    """The mask `[n, 1, p, p]` without what is between the lips, `[n, 1, c, c]`: a reference has nothing there.

    It is overwritten unless a gradient is wanted.
    """
    window = _Window.around(lips)
    if window is None:
        return mask
    scale = mask.shape[-1] // lips.shape[-1]
    left, there = to_overwrite(mask), window.enlarged(scale)
    there.cut(left).copy_(there.cut(mask) * (1 - _outlined(window.cut(lips), scale)))
    return left


def with_mouth(paint: Tensor, parts: Tensor, mouth: MouthLook) -> Tensor:
    """Draw the inside of mouths over a paint.

    Args:
        paint: `[n, 3, p, p]`, overwritten unless a gradient is wanted.
        parts: shares 0..1 of what is between the lips, of upper and of lower teeth, `[n, 3, c, c]`.
        mouth: of the references; each may serve several frames in a row.
    """
    window = _Window.around(parts[:, :1])
    if window is None:
        return paint
    scale, times = paint.shape[-1] // parts.shape[-1], len(paint) // len(mouth.colours)
    colours, millimetre = (x.repeat_interleave(times, 0) for x in (mouth.colours, mouth.scale))
    cells = window.cut(parts)
    opening = Opening.of(_outlined(cells[:, :1], scale), scale)
    upper, lower = enlarge(cells[:, 1:], scale).split(1, 1)
    shares = shares_inside(opening, upper, lower, millimetre)
    drawn = shares * enlarge(_wide_open(cells[:, :1]), scale) * mouth.amount
    drawn = drawn * shares.new_tensor(_SHARES)[:, None, None]
    light = light_inside(opening, millimetre)
    colour = torch.einsum("nayx,nac->ncyx", drawn * light, colours + 1)
    covered = drawn.sum(1, keepdim=True)
    finished, there = to_overwrite(paint), window.enlarged(scale)
    there.cut(finished).copy_(there.cut(paint) * (1 - covered) + colour - covered)
    return finished


def _outlined(lips: Tensor, scale: int) -> Tensor:
    """What is between lips `[n, 1, h, w]` over so many pixels a cell; its edge is a line, where cells make stairs."""
    blurred = enlarge(F.avg_pool2d(lips.float(), 3, 1, 1), scale)
    return (_CRISP * (blurred - 0.5) + 0.5).clamp(0, 1)


def _wide_open(lips: Tensor) -> Tensor:
    """How far lips `[n, 1, h, w]` are apart for more than a line to be seen, 0..1; the decoder draws lines."""
    gap = F.max_pool2d(F.avg_pool2d(lips, 3, 1, 1), 7, 1, 3)
    return (3 * gap - 2).clamp(0, 1)


@dataclass(frozen=True)
class _Window:
    """Rows and columns of maps; a mouth is a tenth of a view, and the rest need not be looked at."""

    rows: slice
    columns: slice

    @classmethod
    def around(cls, lips: Tensor) -> Self | None:
        """Where any of `[n, 1, c, c]` is not 0, and as far round it as is drawn; None where all are."""
        seen = (lips.amax((0, 1)) > 0).cpu()
        spans = []
        for open_lines in (seen.any(1), seen.any(0)):
            places = open_lines.nonzero()
            if not len(places):
                return None
            first, last = int(places[0]) - _REACH, int(places[-1]) + 1 + _REACH
            spans.append(slice(max(first, 0), min(last, len(open_lines))))
        return cls(*spans)

    def enlarged(self, scale: int) -> Self:
        """The same on maps with so many times as many cells."""
        rows, columns = (slice(x.start * scale, x.stop * scale) for x in (self.rows, self.columns))
        return type(self)(rows, columns)

    def cut(self, maps: Tensor) -> Tensor:
        """The part of maps `[..., c, c]`."""
        return maps[..., self.rows, self.columns]
