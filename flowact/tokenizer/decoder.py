"""The network that finds the layers of a view: from motion and a reference to a warp, a mask and paint."""

from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn

from flowact.motion.face_points import POINTS
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.code import CLAMP_SIGMA
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.detail import shading
from flowact.tokenizer.face_mesh.fit import FittedFaces, fit_faces
from flowact.tokenizer.face_mesh.guide import MeshGuide, MovedMesh, NoMesh, PlacedMesh
from flowact.tokenizer.face_mesh.mouth import MouthLook
from flowact.tokenizer.face_mesh.reference_eyes import ReferenceEyes
from flowact.tokenizer.kernels import map_kernels
from flowact.tokenizer.layers import (
    FeatureModulation,
    FlowConv2d,
    Pyramid,
    ResidualBlock,
    Upsample,
    activate,
    conv,
    fold,
    modulate,
    pointwise,
    unfold,
    zero_init,
)
from flowact.tokenizer.view_layers import FoundLayers, Layers, Remembered, render_warp
from flowact.tokenizer.views import CELLS, FULL, VIEW_SIZE, VIEWS, Region
from flowact.tokenizer.warp import FLOW_CELLS, enlarge, sample, sampling_grid

FLOW_UNIT = 0.1
"""Displacement, as a share of half the frame, that one unit of network output stands for."""

EVERY_FRAME = slice(None)
LAST_FRAME = slice(FRAMES_PER_LATENT - 1, None)

TRUNK_CELLS: Final = (8, 15, 30)
"""Rows and columns of the trunk's maps."""

MASK_BIAS = 2.0
"""A fresh network keeps 88 % of the warp."""


@dataclass(frozen=True)
class ViewReference:
    """What the decoder of a view needs to know of the reference; computed once per session.

    Attributes:
        picture: the whole reference frame `[batch, 3, 480, 480]`, fp32 in [-1, 1].
        warpable: features `[batch, c, 60, 60]` over the view that move with the flow.
        guides: features added to the decoder at 8, 15 and 30 cells.
        faces: meshes over the faces; None where the view has none.
        mouth: the inside of their mouths, where it is to be drawn.
        eyes: theirs, as far as they are to be shown.
    """

    picture: Tensor
    warpable: Tensor
    guides: tuple[Tensor, ...]
    faces: FittedFaces | None = None
    mouth: MouthLook | None = None
    eyes: ReferenceEyes = field(default_factory=ReferenceEyes)


class ReferenceEncoder(nn.Module):
    """The pyramid of the reference that a view's decoder looks at."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.view, self.mesh = VIEWS[config.view], config.mesh
        self.pyramid = Pyramid(3, config.reference_widths, blocks=0)
        widths = reversed(config.reference_widths[2:])
        pairs = zip(widths, config.trunk_widths, strict=True)
        self.guides = nn.ModuleList(pointwise(a, b) for a, b in pairs)

    def forward(self, picture: Tensor, points: Tensor | None = None) -> ViewReference:
        """Features of whole reference frames `[batch, 3, 480, 480]` in [-1, 1].

        `points` are their faces' landmarks `[batch, 89, 2]` in pixels; not numbers, or None, where none is known.
        """
        weight = self.guides[0].weight
        features = self.pyramid(self.view.crop(picture).to(weight.dtype))
        coarse_first = zip(self.guides, reversed(features[2:]), strict=True)
        guides = tuple(guide(feature) for guide, feature in coarse_first)
        faces = _fitted(picture, points) if self.mesh else None
        return ViewReference(picture.float().contiguous(), features[1], guides, faces)


def _fitted(picture: Tensor, points: Tensor | None) -> FittedFaces:
    if points is None:
        points = picture.new_full((len(picture), len(POINTS), 2), torch.nan)
    return fit_faces(points)


class Trunk(nn.Module):
    """The part of the decoder that the four frames of a latent share: 8 -> 15 -> 30 cells."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        coarse, middle, fine = config.trunk_widths
        self.modulation = FeatureModulation(
            2 * FRAMES_PER_LATENT * config.readouts, config.trunk_widths
        )
        self.ups = nn.ModuleList([Upsample(coarse, middle, TRUNK_CELLS[1]), Upsample(middle, fine)])
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width, normalise=width != fine) for _ in range(count)))
            for width, count in zip(config.trunk_widths, config.trunk_blocks, strict=True)
        )
        self.leave = pointwise(fine, FRAMES_PER_LATENT * config.frame_widths[0])

    def forward(self, motion: Tensor, guides: tuple[Tensor, ...]) -> Tensor:
        """Motion of eight frames `[batch, 8, channels]` to `[batch, 4, width, 30, 30]`, frame by frame."""
        first, *others = self.modulation(motion.flatten(1))
        x = self.blocks[0](activate(modulate(guides[0], first)))
        for up, guide, blocks, by in zip(
            self.ups, guides[1:], self.blocks[1:], others, strict=True
        ):
            x = blocks(up(x, guide, by))
        frames: Tensor = self.leave(x).unflatten(1, (FRAMES_PER_LATENT, -1))
        return frames


class ViewDecoder(nn.Module):
    """Decoder of a view: from motion and reference to `Layers`, four frames at a time.

    First `share` computes what the frames of a latent have in common, then `forward` finds the layers of
    each, and `finished` completes them. Motion modulates the features of the reference (FiLM) at every scale,
    so that a single number - how far a lid is shut - reaches the few cells that it moves.
    """

    blend: Tensor
    """How far each frame has come from what was held to what is shared, `[4, 1, 1, 1]`."""
    detail: float = 0.0
    """How much of the warp's detail is kept, 0..1; see `shading`."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.view, self.paint_scale = VIEWS[config.view], config.paint_scale
        self.register_buffer("blend", torch.tensor(config.blend)[:, None, None, None], False)
        coarse, middle, fine = config.frame_widths
        self.trunk = Trunk(config)
        self.place = nn.Parameter(torch.zeros(1, coarse, CELLS, CELLS))
        self.modulation = FeatureModulation(config.readouts, config.frame_widths)
        counts = zip(config.frame_widths, config.frame_blocks, strict=True)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(n))) for width, n in counts
        )
        if config.mesh:
            self.mesh_guide = MeshGuide(self.view, config.frame_widths)
        self.coarse_flow = FlowConv2d(coarse)
        self.up_middle = Upsample(coarse, middle)
        self.take_features = pointwise(config.reference_widths[1], middle)
        self.fine_flow = FlowConv2d(middle)
        self.up_fine = Upsample(middle, fine)
        self.take_pixels = conv(3 * self.paint_scale**2, fine, 3)
        self.leave = zero_init(conv(fine, 4 * self.paint_scale**2, 3))

    def share(self, before: Tensor, motion: Tensor, reference: ViewReference) -> Tensor:
        """What the trunk has for the four frames of a latent, `[batch, 4, width, 30, 30]`.

        Args:
            before: standardised curves and pose of the four frames before, `[batch, 4, channels]`.
            motion: those of the four frames to paint.
            reference: features of `batch` references.
        """
        shared: Tensor = self.trunk(self._seen(torch.cat([before, motion], 1)), reference.guides)
        return shared

    def placed(self, mesh: MovedMesh | None, region: Region = FULL) -> PlacedMesh | NoMesh:
        """A face's mesh in the frames to paint; None in a view without one."""
        return NoMesh() if mesh is None else self.mesh_guide.place(mesh, region)

    def forward(
        self,
        held: Tensor,
        shared: Tensor,
        motion: Tensor,
        reference: ViewReference,
        placed: PlacedMesh | NoMesh,
        region: Region = FULL,
        frames: slice = EVERY_FRAME,
    ) -> FoundLayers:
        """Find the layers of frames of a latent.

        Args:
            held: what `share` gave to the frame before them, `[batch, width, 30, 30]`.
            shared: what it gives to them.
            motion: standardised curves and pose of the four frames, `[batch, 4, channels]`.
            reference: features of the references; each may serve several latents in a row.
            placed: the faces' meshes in the frames.
            region: the part of the view to paint; cells at its border see nothing beyond.
            frames: which of the four frames.

        Returns:
            Layers of `batch * 4` frames, or of so many fewer.
        """
        first, second, third = self.modulation(self._seen(motion[:, frames]).flatten(0, 1))
        blend = self.blend[frames].to(shared.dtype)
        blended = torch.lerp(held[:, None], shared[:, frames], blend).flatten(0, 1)
        blended = blended.contiguous(memory_format=torch.channels_last)
        x = region.cut(blended + self.place)
        x = self.blocks[0](modulate(placed.coarse(x), first))
        head = enlarge(self.coarse_flow(x), 2) * FLOW_UNIT
        coarse, seen = placed.follow(head)
        features = self.take_features(self._warp_features(coarse, reference.warpable, region))
        x = self.blocks[1](self.up_middle(x, placed.middle(features, seen), second))
        step = self.fine_flow(x).float() * FLOW_UNIT
        flow = (coarse + step).contiguous()
        warp, parts = self._warp(flow, reference, region), placed.parts(head + step)
        pixels = self.take_pixels(fold(warp, self.paint_scale, x.dtype))
        x = self.blocks[2](self.up_fine(x, placed.fine(pixels, parts), third))
        kept, paint = unfold(self.leave(x), self.paint_scale)
        paint = shading(paint, self.detail, placed.drawn(parts, reference.eyes))
        return FoundLayers(head, step, flow, warp, torch.sigmoid(kept + MASK_BIAS), paint, parts)

    def with_frames_between(
        self,
        before: Remembered,
        found: FoundLayers,
        placed: PlacedMesh | NoMesh,
        reference: ViewReference,
        every: int,
    ) -> FoundLayers:
        """Layers of all four frames of a latent from those of some, which is less work.

        What the network finds changes evenly in between; meshes are where they belong in each frame.

        Args:
            before: the frame before the latent.
            found: one of so many of its frames, with the last.
            placed: the faces' meshes in all four frames.
            reference: features of the references.
            every: so many, 2 or 4.
        """
        between = []
        for number in range(1, every):
            there = placed.of(slice(number - 1, None, every))
            between.append(self._between(before, found, number / every, there, reference))
        return FoundLayers.in_turn([*between, found])

    def _between(
        self,
        last: Remembered,
        found: FoundLayers,
        share: float,
        placed: PlacedMesh | NoMesh,
        reference: ViewReference,
    ) -> FoundLayers:
        """Layers of frames so far on the way to those that were found; see `with_frames_between`."""
        head, step, mask, paint = found.on_the_way(last, share)
        flow = (placed.follow(head)[0] + step).contiguous()
        warp, parts = self._warp(flow, reference, FULL), placed.parts(head + step)
        return FoundLayers(head, step, flow, warp, mask, paint, parts)

    def finished(
        self,
        found: FoundLayers,
        placed: PlacedMesh | NoMesh,
        reference: ViewReference,
        region: Region = FULL,
    ) -> Layers:
        """What the network found, with mouths, eyes and lids; mask and paint are overwritten without a gradient."""
        mask = placed.masked(found.mask, found.parts)
        paint = placed.with_mouth(found.paint, found.parts, reference.mouth)
        head = found.head + found.step
        mask, paint = placed.with_eyes(mask, paint, found.flow, head, reference.eyes)
        return Layers(found.flow, mask, paint, found.warp, region)

    def _warp(self, flow: Tensor, reference: ViewReference, region: Region) -> Tensor:
        size = VIEW_SIZE // 2 * self.paint_scale
        return render_warp(flow, reference.picture, self.view, size, region)

    def _seen(self, motion: Tensor) -> Tensor:
        return motion.clamp(-CLAMP_SIGMA, CLAMP_SIGMA).to(self.place.dtype)

    def _warp_features(self, flow: Tensor, features: Tensor, region: Region) -> Tensor:
        grid = self.view.from_frame(sampling_grid(flow, self.view, FLOW_CELLS, region))
        if map_kernels.usable(flow):
            return sample_features(features, grid)
        warped = sample(features, grid, "border").to(features.dtype)
        return warped.contiguous(memory_format=torch.channels_last)


def sample_features(features: Tensor, grid: Tensor) -> Tensor:
    """What `sample` gives, in the features' numbers and stored channels-last."""
    rows = features.float().permute(0, 2, 3, 1).contiguous().numpy()
    warped = torch.empty(*grid.shape[:3], features.shape[1])
    frames = len(grid) // len(features)
    for i, (places, target) in enumerate(
        zip(grid.contiguous().numpy(), warped.numpy(), strict=True)
    ):
        map_kernels.sample_cells(rows[i // frames], places, target)
    return warped.to(features.dtype).permute(0, 3, 1, 2)
