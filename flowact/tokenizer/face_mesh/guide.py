"""What a face mesh adds to a view's decoder: a base of the warp, planes at three scales, no warp between the lips."""

from dataclasses import dataclass, replace
from typing import Final, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.detail import pooled
from flowact.tokenizer.face_mesh.lids import with_lids
from flowact.tokenizer.face_mesh.mouth import MouthLook, with_mouth, without_lips
from flowact.tokenizer.face_mesh.open_eyes import EyeMotion, with_open_eyes
from flowact.tokenizer.face_mesh.raster import LIPS, MESH_CELLS, PARTS, PLANES
from flowact.tokenizer.face_mesh.reference_eyes import ReferenceEyes
from flowact.tokenizer.layers import pointwise, zero_init
from flowact.tokenizer.views import Region, View
from flowact.tokenizer.warp import FLOW_CELLS, sampling_grid

_FLOW: Final = slice(0, 2)
_LIPS: Final = LIPS - PARTS.start


@dataclass(frozen=True)
class MovedMesh:
    """The mesh of a face in `n` frames.

    Attributes:
        maps: see `mesh_maps`, `[n, 9, 120, 120]`.
        look: what the eyes do.
    """

    maps: Tensor
    look: EyeMotion


class NoMesh:
    """A view without a mesh: everything stays as it is."""

    def of(self, frames: slice) -> Self:
        """See `PlacedMesh`."""
        return self

    def coarse(self, x: Tensor) -> Tensor:
        """See `PlacedMesh`."""
        return x

    def follow(self, head: Tensor) -> tuple[Tensor, Tensor | None]:
        """See `PlacedMesh`."""
        return head, None

    def middle(self, features: Tensor, seen: Tensor | None) -> Tensor:
        """See `PlacedMesh`."""
        return features

    def parts(self, head: Tensor) -> Tensor | None:
        """See `PlacedMesh`."""
        return None

    def fine(self, pixels: Tensor, parts: Tensor | None) -> Tensor:
        """See `PlacedMesh`."""
        return pixels

    def masked(self, mask: Tensor, parts: Tensor | None) -> Tensor:
        """See `PlacedMesh`."""
        return mask

    def drawn(self, parts: Tensor | None, eyes: ReferenceEyes) -> Tensor | None:
        """See `PlacedMesh`."""
        return parts

    def with_mouth(self, paint: Tensor, parts: Tensor | None, mouth: MouthLook | None) -> Tensor:
        """See `PlacedMesh`."""
        return paint

    def with_eyes(
        self, mask: Tensor, paint: Tensor, flow: Tensor, head: Tensor, eyes: ReferenceEyes
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
        self.take_coarse = zero_init(pointwise(PLANES, coarse))
        self.take_middle = zero_init(pointwise(PLANES, middle))
        self.take_fine = zero_init(pointwise(PARTS.stop - PARTS.start, fine))

    def place(self, mesh: MovedMesh, region: Region) -> "PlacedMesh":
        """Take the mesh of some frames, of which a region is painted."""
        return PlacedMesh(self, mesh.maps, pooled(mesh.maps, FLOW_CELLS), mesh.look, region)


@dataclass(frozen=True)
class PlacedMesh:
    """A mesh that acts in some frames.

    The mesh acts with a still head. What moves the head, `head`, is the decoder's: it leads to where the head was in
    the reference, and there the maps are read.

    Attributes:
        guide: the weights.
        fine_maps, maps: `[n, 9, 120, 120]`, and the same over 60 cells.
        look: see `MovedMesh`.
        region: of the view, that is painted.
    """

    guide: MeshGuide
    fine_maps: Tensor
    maps: Tensor
    look: EyeMotion
    region: Region

    def of(self, frames: slice) -> Self:
        """The mesh in some of the four frames of each latent."""

        def cut(maps: Tensor) -> Tensor:
            return maps.unflatten(0, (-1, FRAMES_PER_LATENT))[:, frames].flatten(0, 1)

        look = EyeMotion(cut(self.look.shut), cut(self.look.gaze))
        return replace(self, fine_maps=cut(self.fine_maps), maps=cut(self.maps), look=look)

    def coarse(self, x: Tensor) -> Tensor:
        """Add the planes to what the decoder has at 30 cells."""
        planes = self.region.cut(pooled(self.maps, FLOW_CELLS // 2))
        return self.guide.take_coarse.add_to(x, _like(planes, x))

    def follow(self, head: Tensor) -> tuple[Tensor, Tensor | None]:
        """The flow `[n, 2, 60, 60]` with the mesh's own behind it, and the planes as it moves them."""
        seen = self._moved(self.maps, head, FLOW_CELLS)
        return head + seen[:, _FLOW], seen

    def middle(self, features: Tensor, seen: Tensor | None) -> Tensor:
        """Add the planes to what the decoder has at 60 cells."""
        if seen is None:
            return features
        return self.guide.take_middle.add_to(features, _like(seen, features))

    def parts(self, head: Tensor) -> Tensor | None:
        """Where eyes, mouths and teeth are, `[n, 4, 120, 120]`."""
        return self._moved(self.fine_maps[:, PARTS], head, MESH_CELLS)

    def fine(self, pixels: Tensor, parts: Tensor | None) -> Tensor:
        """Add these to what the decoder has at 120 cells."""
        if parts is None:
            return pixels
        return self.guide.take_fine.add_to(pixels, _like(parts, pixels))

    def masked(self, mask: Tensor, parts: Tensor | None) -> Tensor:
        """The mask without what is between the lips, where a reference has nothing to warp."""
        if parts is None:
            return mask
        return without_lips(mask, parts[:, _LIPS, None])

    def drawn(self, parts: Tensor | None, eyes: ReferenceEyes) -> Tensor | None:
        """Those of the planes in which a decoder draws: mouths, and eyes unless the reference's are shown."""
        return parts if parts is None or eyes.open is None else parts[:, _LIPS:]

    def with_mouth(self, paint: Tensor, parts: Tensor | None, mouth: MouthLook | None) -> Tensor:
        """The paint `[n, 3, p, p]` with the inside of open mouths, if it is to be drawn."""
        if parts is None or mouth is None:
            return paint
        return with_mouth(paint, parts[:, _LIPS:], mouth)

    def with_eyes(
        self, mask: Tensor, paint: Tensor, flow: Tensor, head: Tensor, eyes: ReferenceEyes
    ) -> tuple[Tensor, Tensor]:
        """Mask and paint with the reference's eyes, if they are to be shown, and lids that are shutting.

        Args:
            mask: how much of the warp shows, `[n, 1, p, p]`.
            paint: what is added to it, `[n, 3, p, p]`.
            flow: of the whole warp, `[n, 2, 60, 60]`.
            head: as in `follow`.
            eyes: of the references.
        """
        view = self.guide.view
        if eyes.open is not None:
            mask, paint = with_open_eyes(mask, paint, flow, self.look, eyes.open, view)
        if eyes.shut is not None:
            mask, paint = with_lids(mask, paint, head.float(), self.look.shut, eyes.shut, view)
        return mask, paint

    def _moved(self, maps: Tensor, head: Tensor, cells: int) -> Tensor:
        view = self.guide.view
        grid = view.from_frame(sampling_grid(head, view, cells, self.region))
        return F.grid_sample(maps, grid, padding_mode="border", align_corners=False)


def _like(planes: Tensor, x: Tensor) -> Tensor:
    return planes.to(x.dtype).contiguous(memory_format=torch.channels_last)
