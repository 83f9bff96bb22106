"""Teeth, a tongue and the dark behind them: which part of an open mouth each takes, and how much light falls on it.

A row of teeth ends in an arc, is lit less towards the corners, and has lines between its teeth. Millimetres are those
of an average adult's; the rest is chosen by eye on portraits.
"""

from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor

_INCISORS: Final = 2.4
"""Cells of upper teeth that a wide open mouth shows in its middle; the mesh's lip hides them."""
_SMILE: Final = 0.7
"""Cells by which their edge rises from the middle of the mouth to its corners."""
_MIDDLE: Final = 0.6
"""Of the mouth's width, what counts as its middle."""
_ARCH: Final = 0.55
"""Of their light, what teeth lose towards the corners, where their arch leads into the dark."""
_UNDER_LIP: Final = (0.72, 1.6)
"""Light of teeth just under the upper lip, and the cells in which they come out of its shade."""
_BOW: Final = 0.35
"""The least of it: a bow of the lip shows what is behind in deep shade."""
_WIDTHS: Final = (8.5, 6.5, 6.0, 4.0)
"""Millimetres of the incisors, the canine and the tooth behind it, as seen from the front; upper ones."""
_HIGHEST: Final = (9.0, 3.5)
"""Millimetres of upper and of lower teeth that are seen at most; of the latter the lip hides the most."""
_NARROW: Final = 0.63
"""Width of lower teeth over that of upper ones."""
_GAPS: Final = (0.17, 0.35)
"""How much darker it is between two teeth, and the deviation of that line in cells."""
_WIDE: Final = (4.0, 4.0)
"""Height in cells from which on a mouth counts as open wide, and in which it comes to do so."""
_BACK: Final = (0.4, 0.4)
"""How far down the opening the tongue begins, and in which share of it it grows clear."""


@dataclass(frozen=True)
class Opening:
    """The openings of some mouths over pixels; lengths are in cells of the mesh's maps.

    Attributes:
        lips: what is between them, `[n, 1, h, w]` in 0..1.
        rows: of the pixels, `[h, 1]`.
        columns: from the middle of the mouth, `[n, 1, 1, w]`.
        off_middle: the same, -1 and 1 at its corners.
        height: of the opening, `[n, 1, 1, w]`.
        top: where it begins, `[n, 1, 1, w]`.
        sharpness: pixels of a cell.
    """

    lips: Tensor
    rows: Tensor
    columns: Tensor
    off_middle: Tensor
    height: Tensor
    top: Tensor
    sharpness: int

    @classmethod
    def of(cls, lips: Tensor, scale: int) -> Self:
        """Those of masks `[n, 1, h, w]`, of which a cell of the maps takes so many pixels."""
        rows, columns = (
            (torch.arange(size, device=lips.device) + 0.5) / scale for size in lips.shape[2:]
        )
        filled = lips.cumsum(2)
        height = filled[:, :, -1:]
        mass = height.sum(3, keepdim=True).clamp(min=1e-3)
        columns = columns - (height * columns).sum(3, keepdim=True) / mass
        # A mouth is about a parabola, whose half width is this much more than its deviation.
        spread = (height * columns.square()).sum(3, keepdim=True) / mass
        off_middle = columns / (5 * spread).clamp(min=1.0).sqrt()
        half = (filled < height / 2).sum(2, keepdim=True).clamp(max=lips.shape[2] - 1)
        top = half + 1 - filled.gather(2, half)
        return cls(lips, rows[:, None], columns, off_middle, height / scale, top / scale, scale)

    @property
    def wide(self) -> Tensor:
        """How wide open they are, `[n, 1, 1, w]` in 0..1."""
        return ((self.height - _WIDE[0]) / _WIDE[1]).clamp(0, 1)

    def in_the_middle(self, of: Tensor) -> Tensor:
        """The mean over the middle of the mouths, `[n, 1, 1, 1]`, of something `[n, 1, 1, w]`."""
        counts = self.height * (self.off_middle.abs() < _MIDDLE)
        return (of * counts).sum(3, keepdim=True) / counts.sum(3, keepdim=True).clamp(min=1e-3)

    @property
    def upper_lip(self) -> Tensor:
        """Where the upper lips end in the middle of the mouths, `[n, 1, 1, 1]`, whatever bow they have there."""
        return self.in_the_middle(self.top)

    def height_of(self, teeth: Tensor) -> Tensor:
        """How high teeth of the mesh, `[n, 1, h, w]`, are in the middle of the mouths, `[n, 1, 1, 1]`."""
        return self.in_the_middle(teeth.sum(2, keepdim=True) / self.sharpness)

    def row(self, height: Tensor, above: bool) -> Tensor:
        """What a row of teeth covers, `[n, 1, h, w]`: it ends in an arc of its own, whatever the lip before it does.

        Args:
            height: in the middle of the mouths, `[n, 1, 1, 1]`.
            above: whether it hangs under the upper lip, or stands behind the lower one.
        """
        inwards = height - _SMILE * self.off_middle.square()
        if above:
            inside = self.upper_lip + inwards - self.rows
        else:
            inside = self.rows - self.in_the_middle(self.top + self.height) + inwards
        return self.lips * (inside * self.sharpness + 0.5).clamp(0, 1) * height.clamp(max=1)


def shares_inside(opening: Opening, upper: Tensor, lower: Tensor, millimetre: Tensor) -> Tensor:
    """Shares of the dark, the tongue, upper and lower teeth `[n, 4, h, w]`, given teeth of the mesh `[n, 1, h, w]`."""
    shown = _INCISORS * opening.in_the_middle(opening.wide)
    highest = millimetre[:, None, None, None]
    above = torch.maximum(opening.height_of(upper), shown).minimum(_HIGHEST[0] * highest)
    below = opening.height_of(lower).minimum(_HIGHEST[1] * highest)
    upper = opening.row(above, above=True)
    lower = torch.minimum(opening.row(below, above=False), opening.lips - upper)
    depth = (opening.rows - opening.top) / opening.height.clamp(min=1)
    raised = ((depth - _BACK[0]) / _BACK[1]).clamp(0, 1)
    sides = (1.5 - 2 * opening.off_middle.abs()).clamp(0, 1)
    dark = (opening.lips - upper - lower).clamp(min=0)
    tongue = torch.minimum(opening.lips * raised * opening.wide * sides, dark)
    return torch.cat([dark - tongue, tongue, upper, lower.clamp(min=0)], 1)


def light_inside(opening: Opening, millimetre: Tensor) -> Tensor:
    """How light the dark, the tongue, upper and lower teeth are, over their colours, `[n, 4, h, w]`."""
    arch = 1 - _ARCH * opening.off_middle.square().clamp(max=1)
    shade, depth = _UNDER_LIP
    under = shade + (1 - shade) * (opening.rows - opening.upper_lip) / depth
    upper = arch * under.clamp(_BOW, 1) * _between_teeth(opening.columns, millimetre)
    lower = arch * _between_teeth(opening.columns, _NARROW * millimetre)
    plain = torch.ones_like(opening.lips)
    return torch.cat([plain, plain, upper * plain, lower * plain], 1)


def _between_teeth(columns: Tensor, millimetre: Tensor) -> Tensor:
    """1 on teeth and darker between two of them, `[n, 1, 1, w]`, at columns from the middle of the mouth."""
    ends = columns.new_tensor((0.0, *_WIDTHS)).cumsum(0) * millimetre[:, None]
    away = (columns.abs()[..., None] - ends[:, None, None, None]) / _GAPS[1]
    lines: Tensor = torch.exp(-away.square()).sum(-1)
    return 1 - _GAPS[0] * lines.clamp(max=1)
