"""The landmark network: where 89 points of a face are, how sure that is, and how the face looks at the viewer.

After Wood et al., "3D Face Reconstruction with Dense Landmarks" (2022, arXiv:2204.02776): dense points, each with
its own variance, regressed by one small convolutional network that has seen renders only.
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from flowact.motion.face_points import POINT, POINTS
from flowact.portrait.layers import Residual, cell_centres, convolution, places
from flowact.portrait.weights import load_weights

INPUT_SIZE: Final = 112
"""Edge in pixels of the window that the network sees."""
WINDOW: Final = 4.4
"""Edge of that window in face radii; the radius is the root mean square distance of the points from their mean."""
POSE_SCALE: Final = 30.0
_WIDTHS: Final = (24, 40, 80, 112, 144)
_HIDDEN: Final = 224
_LOG_DEVIATION: Final = (-5.5, 0.0)
_FIRST_LOG_DEVIATION: Final = -1.5
_SCALARS: Final = 4
_DETAILS: Final = tuple(
    POINT[name] for name in ("eye_pupil_left", "eye_pupil_right", "inner_upper", "inner_lower")
)
CELLS: Final = INPUT_SIZE // 8
"""Edge of a heat map."""


class LandmarkOutput(NamedTuple):
    """What the network says about N windows.

    Attributes:
        points: [N, 89, 2], (x, y) in [-1, 1] over the window, beyond it where a face is cut off.
        log_deviation: [N, 89], natural logarithm of the standard deviation of a point in the same unit.
        face: [N], logit of the window showing a face.
        pose: [N, 3], yaw (positive: the nose points to the picture's right), pitch (up) and roll (clockwise), degrees.
        eyes: [N, 2], gap between the lids over the eye's width, the person's left and right; `eyes` sees it better.
        mouth: [N], gap between the inner lips over the mouth's width at rest.
        hidden: [N, 2], logits of the eyes and of the mouth being out of sight behind something.
        heat: [N, 89, 14 * 14], logits of the cell in which a point is; training looks at them.
    """

    points: Tensor
    log_deviation: Tensor
    face: Tensor
    pose: Tensor
    eyes: Tensor
    mouth: Tensor
    hidden: Tensor
    heat: Tensor


class LandmarkNet(nn.Module):
    """1.4 million weights, 80 million multiplications a window.

    A point is the mean place of a heat map of 14x14 cells (integral regression, Sun et al. 2018, arXiv:1711.08229)
    plus a step out of a global view of the face, which reaches points beyond the window and behind a hand. How open
    eyes and mouth are is read where they are.
    """

    cells: Tensor

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = _WIDTHS
        self.fine = nn.Sequential(
            convolution(3, a, 2), convolution(a, b, 2), convolution(b, c, 2), Residual(c)
        )
        self.middle = nn.Sequential(convolution(c, d, 2), Residual(d))
        self.coarse = convolution(d, e, 2)
        self.summary = nn.Sequential(nn.Flatten(), nn.Linear(e * 16, _HIDDEN), nn.SiLU())
        self.lateral = nn.ModuleList(nn.Conv2d(width, c, 1) for width in (c, d, e))
        self.heat = nn.Sequential(Residual(c), nn.Conv2d(c, len(POINTS), 1))
        self.points = nn.Linear(_HIDDEN, 3 * len(POINTS))
        self.scalars = nn.Linear(_HIDDEN, _SCALARS)
        self.details = nn.Sequential(
            nn.Flatten(), nn.Linear(len(_DETAILS) * c, 64), nn.SiLU(), nn.Linear(64, 5)
        )
        self.register_buffer("cells", cell_centres(CELLS), False)

    def forward(self, windows: Tensor) -> LandmarkOutput:
        """Windows float [N, 3, 112, 112], RGB in [0, 1]."""
        fine = self.fine(windows * 4 - 2)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        summary = self.summary(coarse)
        heat = self._heat((fine, middle, coarse))
        steps = self.points(summary).float().view(-1, len(POINTS), 3)
        scalars = self.scalars(summary).float()
        details = self.details(_seen_at(heat[:, list(_DETAILS)], fine)).float()
        return LandmarkOutput(
            places(heat, self.cells) + 0.1 * steps[..., :2],
            (steps[..., 2] + _FIRST_LOG_DEVIATION).clamp(*_LOG_DEVIATION),
            scalars[:, 0],
            scalars[:, 1:4] * POSE_SCALE,
            details[:, :2],
            details[:, 2],
            details[:, 3:],
            heat,
        )

    def _heat(self, features: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        joined = torch.zeros(())
        for lateral, feature in zip(self.lateral, features, strict=True):
            joined = joined + nn.functional.interpolate(lateral(feature), (CELLS, CELLS))
        heat: Tensor = self.heat(nn.functional.silu(joined))
        return heat.float().flatten(2)


def _seen_at(heat: Tensor, features: Tensor) -> Tensor:
    """What features [N, C, 14, 14] say where heat maps [N, K, 196] are warm: [N, K, C]."""
    share = heat.detach().softmax(2).to(features.dtype)
    return share @ features.flatten(2).transpose(1, 2)


def load_network() -> LandmarkNet:
    """The network of the assets, read once.

    Raises:
        UserError: the weights are missing or damaged.
    """
    return load_weights(LandmarkNet, "landmarks")
