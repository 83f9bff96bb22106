"""The shape of an open eye in a reference, and the places at it.

Places are `(u, v)`: 0 and 1 at its corners from the outer to the inner one, and down, in distances of the corners.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.motion.face_mesh import EYE_SIDES, VERTEX
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.fit import FittedFaces
from flowact.tokenizer.kernels.map_kernels import Floats

_ROW: Final = ("corner_outer", "lid_{}_outer", "lid_{}", "lid_{}_inner", "corner_inner")
_ABOVE: Final = 0.5
"""So far above the margin of the upper lid skin is filled in, unless the brow is near."""
_BROW: Final = 0.12
"""So far below the middle of the brow hair may grow."""
_BELOW: Final = 0.3
"""So far below the lower margin: it hides wet rim and lashes."""
_RAMPS: Final = (0.16, 0.1, 0.1)
"""Width of the ramps above, below and at the corners."""
_ENDS: Final = 0.2
"""So far beyond the corners skin is filled in."""
_REACH: Final = 0.6
"""So far below the middle of the upper margin the lids meet, ..."""
_LEAST_OVER, _MOST_OVER = 0.1, 1.0
"""... but at least and at most so far below the lower one, in heights of the open eye."""
_STEADY: Final = (
    *("eye_corner_outer_{0}", "eye_corner_inner_{0}", "cheek_high_{0}", "temple_{0}"),
    *("eye_corner_inner_{1}", "nose_root", "nose_bridge_1", "nose_bridge_2"),
)
"""Landmarks that hardly move but with the head, of this and of the other side."""
_LEAST_LIGHT: Final = 0.45
"""Of the cheek's, what is light enough below an eye not to be dark glass."""
_LUMA: Final = (0.3, 0.59, 0.11)
_SMALLEST: Final = 8.0
"""Distance in pixels of an eye's corners below which nothing is drawn."""


@dataclass(frozen=True)
class Eye:
    """One open eye of a reference.

    Attributes:
        to_eye: `[2, 3]`, from pixels `(x, y, 1)` of the frame to `(u, v)`.
        upper, lower: coefficients `[2]` of the margins of its lids, see `margin`.
        above: how far above the upper margin skin is filled in.
        over: how far below the lower one the lids meet, in heights of the open eye.
        width: distance of its corners in pixels.
        steady: landmarks in pixels that the head takes with it, `[8, 2]`.
    """

    to_eye: Tensor
    upper: Tensor
    lower: Tensor
    above: float
    over: float
    width: float
    steady: Tensor

    def places(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """`u` and `v` of pixels `[..., 2]`."""
        u, v = (pixels @ self.to_eye[:, :2].mT + self.to_eye[:, 2]).unbind(-1)
        return u, v

    def pixels(self, u: Tensor, v: Tensor) -> Tensor:
        """Pixels `[..., 2]` of places."""
        back = torch.linalg.inv(self.to_eye[:, :2])
        return (torch.stack([u, v], -1) - self.to_eye[:, 2]) @ back.mT

    def band(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where, along `u`, the filled skin begins, the shut lids meet and the filled skin ends."""
        upper, lower = margin(self.upper, u), margin(self.lower, u)
        thick = 0.35 + 0.65 * arch(u)
        meet = lower + self.over * (lower - upper)
        return upper - self.above * thick, meet, lower + _BELOW * thick

    def cover(self, u: Tensor, v: Tensor, beyond: float = 0.0) -> Tensor:
        """How much of the filled skin shows at places of the shut eye, 0..1, and of the skin so far beyond it."""
        top, _, bottom = self.band(u)
        top, bottom = top - beyond / 2, bottom + beyond
        above, below, ends = (ramp + beyond / 2 for ramp in _RAMPS)
        sides = (torch.minimum(u + _ENDS, 1 + _ENDS - u) + beyond) / ends
        inside = torch.minimum(torch.minimum((v - top) / above, (bottom - v) / below), sides)
        return inside.clamp(0, 1)

    def numbers(self) -> Floats:
        """Its shape for compiled loops: `to_eye`, both margins, how far skin is filled in, and the ramps, `[16]`."""
        parts = [self.to_eye.flatten(), self.upper, self.lower]
        shape = [self.above, _BELOW, _ENDS, *_RAMPS]
        return np.concatenate([*(part.numpy(force=True) for part in parts), shape]).astype(
            np.float32
        )


EyePairs = tuple[tuple[Eye | None, Eye | None], ...]
"""Left and right eye of some faces; None where there is none, or what covers it is no skin."""


def find_eye(vertices: Tensor, side: str) -> Eye | None:
    """The "left" or "right" eye of a face on `vertices [V, 2]` in pixels; None where it is too small."""
    upper, lower = (
        vertices[[VERTEX[f"eye_{name.format(row)}_{side}"] for name in _ROW]]
        for row in ("upper", "lower")
    )
    along = upper[-1] - upper[0]
    width = float(along.norm())
    if width < _SMALLEST:
        return None
    down = torch.stack([-along[1], along[0]])
    down = down * torch.sign(down[1])
    turn = torch.stack([along, down]) / width**2
    to_eye = torch.cat([turn, -(turn @ upper[0])[:, None]], 1)
    brow = vertices[[VERTEX[f"brow_{i}_{side}"] for i in range(5)]] @ turn.mT + to_eye[:, 2]
    upper, lower = (points @ turn.mT + to_eye[:, 2] for points in (upper, lower))
    room = float(upper[:, 1].amin() - brow[:, 1].amax())
    above = min(_ABOVE, max(0.14, room - _BROW))
    other = EYE_SIDES[1 - EYE_SIDES.index(side)]
    steady = vertices[[VERTEX[name.format(side, other)] for name in _STEADY]]
    margins = _fitted(upper), _fitted(lower)
    return Eye(to_eye, *margins, above, _over(*margins), width, steady)


def _over(upper: Tensor, lower: Tensor) -> float:
    """Lids of wide eyes need to go no further down than those of narrow ones; see `Eye`."""
    middle = upper.new_tensor(0.5)
    height = float(margin(lower, middle) - margin(upper, middle))
    return min(max(_REACH / max(height, 1e-3) - 1, _LEAST_OVER), _MOST_OVER)


def _fitted(points: Tensor) -> Tensor:
    """Coefficients of the margin through places `[5, 2]` of which the ends are the corners, least squares."""
    u, v = points[1:-1].unbind(1)
    basis = (u * (1 - u))[:, None] * torch.stack([torch.ones_like(u), u], 1)
    return torch.linalg.lstsq(basis, v[:, None]).solution[:, 0]


def margin(coefficients: Tensor, u: Tensor) -> Tensor:
    """`v` of a lid's margin: an arch from corner to corner."""
    inside = u.clamp(0, 1)
    return inside * (1 - inside) * (coefficients[0] + coefficients[1] * inside)


def arch(u: Tensor) -> Tensor:
    """1 in the middle of an eye, 0 at its corners."""
    inside = u.clamp(0, 1)
    return (4 * inside * (1 - inside)).clamp(min=1e-6).sqrt()  # whose slope at 0 is no number


def find_eyes(picture: Tensor, faces: FittedFaces) -> EyePairs:
    """The eyes of references `[batch, 3, 480, 480]` in [-1, 1]."""
    pairs = []
    for row, vertices in zip(picture, faces.vertices.to(picture.device), strict=True):
        left, right = (find_eye(vertices, side) for side in EYE_SIDES)
        pairs.append((_if_bare(row, left), _if_bare(row, right)))
    return tuple(pairs)


def _if_bare(picture: Tensor, eye: Eye | None) -> Eye | None:
    return eye if eye is not None and _inside(eye) and _skin_shows(picture, eye) else None


def _inside(eye: Eye) -> bool:
    """Whether the picture shows all of it, and some of the cheek below: else there is nothing to paint lids of."""
    u, v = eye.to_eye.new_tensor([[0.0, 1.0, 0.5, 0.5], [0.0, 0.0, -eye.above, 0.8]])
    seen = eye.pixels(u, v)
    return bool(((seen >= 0) & (seen < FRAME_SIZE)).all())


def _skin_shows(picture: Tensor, eye: Eye) -> bool:
    """Whether it is about as light below the eye as on the cheek: dark glasses hide lids, too."""
    near, far = (luma(mean_below(picture, eye, *rows)) for rows in ((0.3, 0.6), (1.2, 1.7)))
    return bool(near > _LEAST_LIGHT * far)


def mean_below(picture: Tensor, eye: Eye, first: float, last: float) -> Tensor:
    """Mean colour `[3]` in 0..1 of a patch of a picture `[3, 480, 480]` so far below an eye."""
    v, u = torch.meshgrid(
        torch.linspace(first, last, 8), torch.linspace(0.2, 0.8, 8), indexing="ij"
    )
    grid = eye.pixels(u.to(picture), v.to(picture)) * (2 / FRAME_SIZE) - 1
    seen = F.grid_sample(picture[None], grid[None], padding_mode="border", align_corners=False)
    return (seen.mean((0, 2, 3)) + 1) / 2


def luma(colours: Tensor) -> Tensor:
    """Brightness of colours `[3, ...]`."""
    return torch.einsum("c...,c->...", colours, colours.new_tensor(_LUMA))


def smoothstep(x: Tensor) -> Tensor:
    """From 0 to 1 with level ends."""
    inside = x.clamp(0, 1)
    return inside.square() * (3 - 2 * inside)
