"""The eye network: where the lids and the pupil of one eye are, seen from near.

The landmark network sees a face in 112 pixels, of which an eye has a dozen; it misses the rims of dark or narrow eyes
by a third of their height. This one sees an eye alone, as large as frames show it.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from flowact.motion.face_points import POINT, POINTS
from flowact.portrait.layers import Residual, cell_centres, convolution, places
from flowact.portrait.weights import load_weights

EYE_ROWS: Final = {
    side: tuple(
        row
        for row, name in enumerate(POINTS)
        if name.startswith("eye_") and name.endswith(f"_{side}")
    )
    for side in ("left", "right")
}
"""Rows of an eye's points by the person's side, in one order."""
INNER, UPPER, OUTER, LOWER = (
    EYE_ROWS["left"].index(POINT[f"eye_{part}_left"])
    for part in ("corner_inner", "lid_upper", "corner_outer", "lid_lower")
)
"""Corners, and the middle of the lids, among an eye's points."""
EYE_SIZE: Final = 64
"""Edge in pixels of the window that the network sees."""
EYE_WINDOW: Final = 2.2
"""Edge of that window in distances of the eye's corners."""
EYE_CELLS: Final = EYE_SIZE // 4
"""Edge of a heat map."""
_WIDTHS: Final = (24, 40, 64, 96)
_HIDDEN: Final = 128
_COUNT: Final = len(EYE_ROWS["left"])
_LOG_DEVIATION: Final = (-5.5, 0.0)
_FIRST_LOG_DEVIATION: Final = -1.5


class EyeOutput(NamedTuple):
    """What the network says about N windows; right eyes are shown mirrored.

    Attributes:
        points: [N, 9, 2] in the order of `EYE_ROWS`, (x, y) in [-1, 1] over the window.
        log_deviation: [N, 9], natural logarithm of the standard deviation of a point in the same unit.
        heat: [N, 9, 16 * 16], logits of the cell in which a point is; training looks at them.
    """

    points: Tensor
    log_deviation: Tensor
    heat: Tensor


class EyeNet(nn.Module):
    """0.4 million weights. A point is the mean place of a heat map plus a step out of a view of the whole eye."""

    cells: Tensor

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = _WIDTHS
        self.fine = nn.Sequential(convolution(3, a, 2), convolution(a, b, 2), Residual(b))
        self.middle = nn.Sequential(convolution(b, c, 2), Residual(c))
        self.coarse = convolution(c, d, 2)
        self.summary = nn.Sequential(nn.Flatten(), nn.Linear(d * 16, _HIDDEN), nn.SiLU())
        self.lateral = nn.ModuleList(nn.Conv2d(width, b, 1) for width in (b, c, d))
        self.heat = nn.Sequential(Residual(b), nn.Conv2d(b, _COUNT, 1))
        self.steps = nn.Linear(_HIDDEN, 3 * _COUNT)
        self.register_buffer("cells", cell_centres(EYE_CELLS), False)

    def forward(self, windows: Tensor) -> EyeOutput:
        """Windows float [N, 3, 64, 64], RGB in [0, 1]."""
        fine = self.fine(windows * 4 - 2)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        joined = torch.zeros_like(fine)
        for lateral, feature in zip(self.lateral, (fine, middle, coarse), strict=True):
            joined = joined + nn.functional.interpolate(lateral(feature), (EYE_CELLS, EYE_CELLS))
        heat = self.heat(nn.functional.silu(joined)).float().flatten(2)
        steps = self.steps(self.summary(coarse)).float().view(-1, _COUNT, 3)
        return EyeOutput(
            places(heat, self.cells) + 0.1 * steps[..., :2],
            (steps[..., 2] + _FIRST_LOG_DEVIATION).clamp(*_LOG_DEVIATION),
            heat,
        )


def load_eye_network() -> EyeNet:
    """The network of the assets, read once.

    Raises:
        UserError: the weights are missing or damaged.
    """
    return load_weights(EyeNet, "eyes")
