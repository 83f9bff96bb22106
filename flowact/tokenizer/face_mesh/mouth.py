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

from flowact.motion.face_mesh import VERTEX
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.fit import FittedFaces
from flowact.tokenizer.layers import to_overwrite
from flowact.tokenizer.warp import enlarge

_BARE: Final = tuple(v for name, v in VERTEX.items() if name.startswith(("nose_", "chin")))
"""Vertices where most faces show skin."""
_DARK: Final = (0.3, 0.12, 0.11)
"""Of the skin's brightness, what is left behind the teeth, per channel."""
_TONGUE: Final = (0.52, 0.25, 0.24)
"""The same of a tongue in that dark."""
_ENAMEL: Final = (0.98, 0.93, 0.87)
_DIM, _LIT = 0.3, 0.58
"""Brightness 0..1 of teeth in the dark, and what full light on the skin adds."""
_SHARES: Final = (0.9, 0.8, 0.9, 0.75)
"""How much of the dark, the tongue, upper and lower teeth is drawn over what the decoder painted."""
_INCISORS: Final = 2.4
"""Cells of upper teeth that a wide open mouth shows in its middle; the mesh's lip hides them."""
_MIDDLE: Final = 0.6
"""Of the mouth's width, what counts as its middle."""
_SMILE: Final = 1.2
"""Cells by which the edge of the teeth rises from the middle of the mouth to its corners."""
_ARCH: Final = 0.8
"""Of the mouth's width, what they take."""
_WIDE: Final = (4.0, 4.0)
"""Height in cells from which on a mouth counts as open wide, and in which it comes to do so."""
_BACK: Final = (0.4, 0.4)
"""How far down the opening the tongue begins, and in which share of it it grows clear."""
_REACH: Final = 6
"""Cells beyond the lips to which blurring and enlarging carry."""


@dataclass(frozen=True)
class MouthLook:
    """How the inside of the mouths of some references looks.

    Attributes:
        colours: of the dark, the tongue, upper and lower teeth, `[batch, 4, 3]` in [-1, 1].
        amount: how much of it is drawn, 0..1.
    """

    colours: Tensor
    amount: float


def look_of_mouths(picture: Tensor, faces: FittedFaces, amount: float) -> MouthLook | None:
    """What suits references `[batch, 3, 480, 480]`; None where nothing is to be drawn."""
    if not amount:
        return None
    places = faces.vertices[:, None, _BARE].to(picture.device) * (2 / FRAME_SIZE) - 1
    skin = (F.grid_sample(picture, places, align_corners=False).mean((2, 3)) + 1) / 2
    teeth = (_DIM + _LIT * skin.amax(1, keepdim=True)) * skin.new_tensor(_ENAMEL)
    dark, tongue = (skin * skin.new_tensor(shade) for shade in (_DARK, _TONGUE))
    return MouthLook(torch.stack([dark, tongue, teeth, teeth], 1) * 2 - 1, amount)


def without_lips(mask: Tensor, lips: Tensor) -> Tensor:
    """The mask `[n, 1, p, p]` without what is between the lips, `[n, 1, c, c]`: a reference has nothing there.

    It is overwritten unless a gradient is wanted.
    """
    window = _Window.around(lips)
    if window is None:
        return mask
    scale = mask.shape[-1] // lips.shape[-1]
    left, there = to_overwrite(mask), window.enlarged(scale)
    there.cut(left).copy_(there.cut(mask) * (1 - enlarge(window.cut(lips), scale)))
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
    scale = paint.shape[-1] // parts.shape[-1]
    colours = mouth.colours.repeat_interleave(len(paint) // len(mouth.colours), 0)
    drawn = _drawn(window.cut(parts), mouth.amount)
    colour = torch.einsum("nayx,nac->ncyx", drawn, colours)
    kept = enlarge(1 - drawn.sum(1, keepdim=True), scale)
    finished, there = to_overwrite(paint), window.enlarged(scale)
    there.cut(finished).copy_(there.cut(paint) * kept + enlarge(colour, scale))
    return finished


def _drawn(parts: Tensor, amount: float) -> Tensor:
    """How much of the dark, the tongue, upper and lower teeth shows, `[n, 4, h, w]`, of the parts `[n, 3, h, w]`."""
    shares = _inside(*parts.split(1, 1))
    # A gap of one cell or two is a line between the lips, which the decoder draws.
    gap = F.max_pool2d(F.avg_pool2d(parts[:, :1], 3, 1, 1), 7, 1, 3)
    wide = (3 * gap - 2).clamp(0, 1)
    strength = shares.new_tensor(_SHARES)[:, None, None] * amount
    return (shares + F.avg_pool2d(shares, 3, 1, 1)) / 2 * wide * strength


def _inside(lips: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """Shares of the dark, the tongue, upper and lower teeth `[n, 4, h, w]` between lips `[n, 1, h, w]`."""
    height = lips.sum(2, keepdim=True)
    depth = lips.cumsum(2) - lips / 2
    across = (height.cumsum(3) - height / 2) / height.sum(3, keepdim=True).clamp(min=1)
    off_middle = (2 * across - 1).abs()
    wide = ((height - _WIDE[0]) / _WIDE[1]).clamp(0, 1)
    edge = _upper_lip(lips, height, off_middle) + _INCISORS - _SMILE * off_middle.square()
    rows = torch.arange(lips.shape[2], device=lips.device)[:, None] + 0.5
    row = (edge - rows + 0.5).clamp(0, 1) * (4 * (_ARCH - off_middle)).clamp(0, 1)
    upper = torch.maximum(upper, lips * row * wide)
    raised = ((depth / height.clamp(min=1) - _BACK[0]) / _BACK[1]).clamp(0, 1)
    tongue = lips * raised * wide * (1.5 - 2 * off_middle).clamp(0, 1)
    dark = (lips - upper - lower).clamp(min=0)
    tongue = torch.minimum(tongue, dark)
    return torch.cat([dark - tongue, tongue, upper, lower], 1)


def _upper_lip(lips: Tensor, height: Tensor, off_middle: Tensor) -> Tensor:
    """How far down, in cells, the upper lip of each frame ends in the middle of the mouth, `[n, 1, 1, 1]`.

    Teeth end in a line of their own, whatever bow the lip before them has.
    """
    filled = lips.cumsum(2)
    half = (filled < height / 2).sum(2, keepdim=True).clamp(max=lips.shape[2] - 1)
    ends = half + 1 - filled.gather(2, half)
    counts = height * (off_middle < _MIDDLE)
    return (ends * counts).sum(3, keepdim=True) / counts.sum(3, keepdim=True).clamp(min=1)


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
