"""The two views of a frame: all of it at half resolution, the face at full resolution."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.timebase import FACE_BOX, FRAME_SIZE

VIEW_SIZE = 240
"""Height and width in pixels at which the encoder sees a view and at which a view is trained."""


@dataclass(frozen=True)
class View:
    """A square of the frame.

    Attributes:
        name: "whole" or "face".
        left, top, size: the square in pixels of the frame.
    """

    name: str
    left: int
    top: int
    size: int

    def crop(self, frames: Tensor) -> Tensor:
        """Cut the view out of frames `[..., 480, 480]` and reduce it to `[..., 240, 240]`, averaging in fp32."""
        if frames.shape[-2:] != (FRAME_SIZE, FRAME_SIZE):
            raise ValueError(f"frames are {tuple(frames.shape[-2:])}, expected {(FRAME_SIZE,) * 2}")
        rows, columns = self.top + self.size, self.left + self.size
        cut = frames[..., self.top : rows, self.left : columns]
        if self.size == VIEW_SIZE:
            return cut
        pooled = F.avg_pool2d(
            cut.float().reshape(-1, 1, self.size, self.size), self.size // VIEW_SIZE
        )
        return pooled.reshape(*frames.shape[:-2], VIEW_SIZE, VIEW_SIZE)

    def identity_grid(self, cells: int, device: torch.device | None = None) -> Tensor:
        """Where the cell centres of a `cells x cells` grid over the view lie in the frame.

        Returns `[1, cells, cells, 2]`: (x, y) in [-1, 1] over the frame, for `grid_sample` with
        `align_corners=False`; not to be written to, for all get the same.
        """
        return _identity_grid(self, cells, device)

    def from_frame(self, grid: Tensor) -> Tensor:
        """Turn frame coordinates `[..., 2]` in [-1, 1] into coordinates over this view, also in [-1, 1] inside it."""
        centre = grid.new_tensor([self.left, self.top]) + self.size / 2
        return grid * (FRAME_SIZE / self.size) - (centre * (2 / FRAME_SIZE) - 1) * (
            FRAME_SIZE / self.size
        )

    def pixels(self, points: Tensor) -> Tensor:
        """Turn frame pixels `[..., 2]` into pixels of the view's 240x240 picture."""
        return (points - points.new_tensor([self.left, self.top])) * (VIEW_SIZE / self.size)


@lru_cache(maxsize=32)
def _identity_grid(view: View, cells: int, device: torch.device | None) -> Tensor:
    with torch.inference_mode(False):  # a tensor made there could never take part in training
        cell = torch.arange(cells, device=device, dtype=torch.float32)
        centres = (cell + 0.5) * view.size / cells
        x, y = ((centres + start) * (2 / FRAME_SIZE) - 1 for start in (view.left, view.top))
        return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]


CELLS = 30
"""Side of the grid of cells in which regions of a view are given."""


@dataclass(frozen=True)
class Region:
    """A rectangle of a view, in cells of a 30x30 grid.

    Attributes:
        top, left, height, width: the rectangle.
    """

    top: int = 0
    left: int = 0
    height: int = CELLS
    width: int = CELLS

    def cut(self, x: Tensor) -> Tensor:
        """Cut the region out of maps over the full view, `[..., k * 30, k * 30]`."""
        if self == FULL:
            return x
        k = x.shape[-1] // CELLS
        rows = slice(self.top * k, (self.top + self.height) * k)
        return x[..., rows, self.left * k : (self.left + self.width) * k]


FULL = Region()
"""All of a view."""

WHOLE = View("whole", 0, 0, FRAME_SIZE)
FACE = View("face", *FACE_BOX)
VIEWS = {view.name: view for view in (WHOLE, FACE)}
