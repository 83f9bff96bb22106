"""What a face mesh adds to a view's decoder: a base of the warp, planes at three scales, no warp between the lips."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowact.tokenizer.face_mesh.lids import ShutLids, with_lids
from flowact.tokenizer.face_mesh.mouth import MouthLook, with_mouth, without_lips
from flowact.tokenizer.face_mesh.raster import LIPS, MESH_CELLS, PARTS, PLANES
from flowact.tokenizer.layers import conv, zero_init
from flowact.tokenizer.views import Region, View
from flowact.tokenizer.warp import FLOW_CELLS, sampling_grid

_FLOW: Final = slice(0, 2)
_LIPS: Final = LIPS - PARTS.start


@dataclass(frozen=True)
class MovedMesh:
    """The mesh of a face in `n` frames.

    Attributes:
        maps: see `mesh_maps`, `[n, 9, 120, 120]`.
        shut: how far the left and the right eye's lids are shut, `[n, 2]` in 0..1.
    """

    maps: Tensor
    shut: Tensor


class NoMesh:
    """A view without a mesh: everything stays as it is."""

    def coarse(self, x: Tensor) -> Tensor:
        """See `PlacedMesh`."""
        return x

    def follow(self, head: Tensor) -> tuple[Tensor, Tensor | None]:
        """See `PlacedMesh`."""
        return head, None

    def middle(self, features: Tensor, seen: Tensor | None) -> Tensor:
        """See `PlacedMesh`."""
        return features

    def fine(self, pixels: Tensor, head: Tensor) -> tuple[Tensor, Tensor | None]:
        """See `PlacedMesh`."""
        return pixels, None

    def masked(self, mask: Tensor, parts: Tensor | None) -> Tensor:
        """See `PlacedMesh`."""
        return mask

    def with_mouth(self, paint: Tensor, parts: Tensor | None, mouth: MouthLook | None) -> Tensor:
        """See `PlacedMesh`."""
        return paint

    def with_lids(
        self, mask: Tensor, paint: Tensor, head: Tensor, lids: ShutLids | None
    ) -> tuple[Tensor, Tensor]:
        """See `PlacedMesh`."""
        return mask, paint


class MeshGuide(nn.Module):
    """The weights of what a mesh adds; a fresh one adds nothing but the flow.

    Args:
        view: that the decoder paints.
        widths: channels of the decoder at 30, 60 and 120 cells.
    """

    def __init__(self, view: View, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.view = view
        coarse, middle, fine = widths
        self.take_coarse = zero_init(conv(PLANES, coarse, 1))
        self.take_middle = zero_init(conv(PLANES, middle, 1))
        self.take_fine = zero_init(conv(PARTS.stop - PARTS.start, fine, 1))

    def place(self, mesh: MovedMesh, region: Region) -> "PlacedMesh":
        """Take the mesh of some frames, of which a region is painted."""
        return PlacedMesh(self, mesh.maps, F.avg_pool2d(mesh.maps, 2), mesh.shut, region)


@dataclass(frozen=True)
class PlacedMesh:
    """A mesh that acts in some frames.

    The mesh acts with a still head. What moves the head, `head`, is the decoder's: it leads to where the head was in
    the reference, and there the maps are read.

    Attributes:
        guide: the weights.
        fine_maps, maps: `[n, 9, 120, 120]`, and the same over 60 cells.
        shut: see `MovedMesh`.
        region: of the view, that is painted.
    """

    guide: MeshGuide
    fine_maps: Tensor
    maps: Tensor
    shut: Tensor
    region: Region

    def coarse(self, x: Tensor) -> Tensor:
        """Add the planes to what the decoder has at 30 cells."""
        planes = self.region.cut(F.avg_pool2d(self.maps, 2))
        return x + self.guide.take_coarse(_like(planes, x))

    def follow(self, head: Tensor) -> tuple[Tensor, Tensor | None]:
        """The flow `[n, 2, 60, 60]` with the mesh's own behind it, and the planes as it moves them."""
        seen = self._moved(self.maps, head, FLOW_CELLS)
        return head + seen[:, _FLOW], seen

    def middle(self, features: Tensor, seen: Tensor | None) -> Tensor:
        """Add the planes to what the decoder has at 60 cells."""
        return (
            features if seen is None else features + self.guide.take_middle(_like(seen, features))
        )

    def fine(self, pixels: Tensor, head: Tensor) -> tuple[Tensor, Tensor | None]:
        """Add eyes, mouth and teeth to what the decoder has at 120 cells; return those planes, too."""
        parts = self._moved(self.fine_maps[:, PARTS], head, MESH_CELLS)
        return pixels + self.guide.take_fine(_like(parts, pixels)), parts

    def masked(self, mask: Tensor, parts: Tensor | None) -> Tensor:
        """The mask without what is between the lips, where a reference has nothing to warp."""
        if parts is None:
            return mask
        return without_lips(mask, parts[:, _LIPS, None])

    def with_mouth(self, paint: Tensor, parts: Tensor | None, mouth: MouthLook | None) -> Tensor:
        """The paint `[n, 3, p, p]` with the inside of open mouths, if it is to be drawn."""
        if parts is None or mouth is None:
            return paint
        return with_mouth(paint, parts[:, _LIPS:], mouth)

    def with_lids(
        self, mask: Tensor, paint: Tensor, head: Tensor, lids: ShutLids | None
    ) -> tuple[Tensor, Tensor]:
        """Mask and paint with lids that are shutting, if they are to be drawn; `head` as in `follow`."""
        if lids is None:
            return mask, paint
        return with_lids(mask, paint, head.float(), self.shut, lids, self.guide.view)

    def _moved(self, maps: Tensor, head: Tensor, cells: int) -> Tensor:
        view = self.guide.view
        grid = view.from_frame(sampling_grid(head, view, cells, self.region))
        return F.grid_sample(maps, grid, padding_mode="border", align_corners=False)


def _like(planes: Tensor, x: Tensor) -> Tensor:
    return planes.to(x.dtype).contiguous(memory_format=torch.channels_last)
