"""From motion and a reference to the layers of a picture: a warp of the reference, a mask and paint."""

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
from flowact.tokenizer.face_mesh.guide import MeshGuide, MovedMesh, NoMesh
from flowact.tokenizer.face_mesh.mouth import MouthLook
from flowact.tokenizer.face_mesh.reference_eyes import ReferenceEyes
from flowact.tokenizer.kernels import map_kernels
from flowact.tokenizer.kernels.pixel_kernels import warp
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
from flowact.tokenizer.views import CELLS, FULL, VIEW_SIZE, VIEWS, Region, View
from flowact.tokenizer.warp import FLOW_CELLS, enlarge, sample, sampling_grid

FLOW_UNIT = 0.1
"""Displacement, as a share of half the frame, that one unit of network output stands for."""

EVERY_FRAME = slice(None)
SECOND_FRAMES = slice(1, None, 2)
"""Every second of a latent's frames, with its last."""
LAST_FRAME = slice(FRAMES_PER_LATENT - 1, None)

TRUNK_CELLS: Final = (8, 15, 30)
"""Rows and columns of the trunk's maps."""

MASK_BIAS = 2.0
"""A fresh network keeps 88 % of the warp."""


Maps = tuple[Tensor, Tensor, Tensor]
"""Flow, mask and paint of a frame."""


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


@dataclass(frozen=True)
class Layers:
    """What a view's decoder paints, for `n` frames. Sizes are those of the full view.

    Attributes:
        flow: `[n, 2, 60, 60]`, where the reference is sampled, relative to the identity, in
            frame coordinates.
        mask: `[n, 1, p, p]` in [0, 1], how much of the warp is kept; p is 120 or 240.
        paint: `[n, 3, p, p]`, added to the masked warp.
        warp: `[n, 3, p, p]`, fp32, the reference as the flow moves it.
        region: the part of the view that the maps cover.
    """

    flow: Tensor
    mask: Tensor
    paint: Tensor
    warp: Tensor
    region: Region = FULL

    def last(self, frames: int) -> Maps:
        """Flow, mask and paint of the last of every `frames` frames."""
        pick = slice(frames - 1, None, frames)
        return self.flow[pick].clone(), self.mask[pick].clone(), self.paint[pick].clone()

    def by_frame(self) -> list["Layers"]:
        """Each of the four frames of a latent, of every session in a batch."""
        picks = (slice(frame, None, FRAMES_PER_LATENT) for frame in range(FRAMES_PER_LATENT))
        return [
            Layers(self.flow[pick], self.mask[pick], self.paint[pick], self.warp[pick])
            for pick in picks
        ]


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

    First `share` computes what the frames of a latent have in common, then `forward` paints
    them. Motion modulates the features of the reference (FiLM) at every scale, so that a single number -
    how far a lid is shut - reaches the few cells that it moves.
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

    def forward(
        self,
        held: Tensor,
        shared: Tensor,
        motion: Tensor,
        reference: ViewReference,
        region: Region = FULL,
        frames: slice = EVERY_FRAME,
        mesh: MovedMesh | None = None,
    ) -> Layers:
        """Paint frames of a latent.

        Args:
            held: what `share` gave to the frame before them, `[batch, width, 30, 30]`.
            shared: what it gives to them.
            motion: standardised curves and pose of the four frames, `[batch, 4, channels]`.
            reference: features of the references; each may serve several latents in a row.
            region: the part of the view to paint; cells at its border see nothing beyond.
            frames: which of the four frames to paint.
            mesh: the face's in them; None in a view without one.

        Returns:
            Layers of `batch * 4` frames, or of so many fewer.
        """
        first, second, third = self.modulation(self._seen(motion[:, frames]).flatten(0, 1))
        blend = self.blend[frames].to(shared.dtype)
        blended = torch.lerp(held[:, None], shared[:, frames], blend).flatten(0, 1)
        blended = blended.contiguous(memory_format=torch.channels_last)
        x = region.cut(blended + self.place)
        placed = NoMesh() if mesh is None else self.mesh_guide.place(mesh, region)
        x = self.blocks[0](modulate(placed.coarse(x), first))
        head = enlarge(self.coarse_flow(x), 2) * FLOW_UNIT
        coarse, seen = placed.follow(head)
        features = self.take_features(self._warp_features(coarse, reference.warpable, region))
        x = self.blocks[1](self.up_middle(x, placed.middle(features, seen), second))
        step = self.fine_flow(x).float() * FLOW_UNIT
        flow = (coarse + step).contiguous()
        size = VIEW_SIZE // 2 * self.paint_scale
        warp = render_warp(flow, reference.picture, self.view, size, region)
        pixels = self.take_pixels(fold(warp, self.paint_scale, x.dtype))
        pixels, parts = placed.fine(pixels, head + step)
        x = self.blocks[2](self.up_fine(x, pixels, third))
        kept, paint = unfold(self.leave(x), self.paint_scale)
        mask = placed.masked(torch.sigmoid(kept + MASK_BIAS), parts)
        paint = shading(paint, self.detail, placed.drawn(parts, reference.eyes))
        paint = placed.with_mouth(paint, parts, reference.mouth)
        mask, paint = placed.with_eyes(mask, paint, flow, head + step, reference.eyes)
        return Layers(flow, mask, paint, warp, region)

    def _seen(self, motion: Tensor) -> Tensor:
        return motion.clamp(-CLAMP_SIGMA, CLAMP_SIGMA).to(self.place.dtype)

    def _warp_features(self, flow: Tensor, features: Tensor, region: Region) -> Tensor:
        grid = self.view.from_frame(sampling_grid(flow, self.view, FLOW_CELLS, region))
        if map_kernels.usable(flow):
            return sample_features(features, grid)
        warped = sample(features, grid, "border").to(features.dtype)
        return warped.contiguous(memory_format=torch.channels_last)


def fill_between(before: Maps, painted: Layers, picture: Tensor, view: View) -> Layers:
    """Layers of all four frames of every latent from those of its `SECOND_FRAMES`: half the work.

    The frames between are half way, and the warp follows.

    Args:
        before: flow, mask and paint of the frame before the latent.
        painted: two frames of a latent each.
        picture: the whole reference frames `[batch, 3, 480, 480]`.
        view: that is painted.
    """

    def filled(last: Tensor, x: Tensor) -> Tensor:
        first, second = x.unflatten(0, (-1, 2)).unbind(1)
        frames = [(last + first) / 2, first, (first + second) / 2, second]
        return torch.stack(frames, 1).flatten(0, 1)

    maps = (painted.flow, painted.mask, painted.paint)
    flow, mask, paint = (filled(last, x) for last, x in zip(before, maps, strict=True))
    warp = render_warp(flow, picture, view, painted.warp.shape[-1])
    return Layers(flow, mask, paint, warp)


def render_warp(
    flow: Tensor, picture: Tensor, view: View, size: int, region: Region = FULL
) -> Tensor:
    """The reference as the flow `[n, 2, 60, 60]` moves it, `[n, 3, size, size]` in fp32."""
    whole_steps = view.size % size == 0 and size % (2 * FLOW_CELLS) == 0
    if region != FULL or not whole_steps or not map_kernels.usable(flow):
        return sample(picture, sampling_grid(flow, view, size, region))
    moved = torch.empty(len(flow), 3, size, size)
    sources, frames = picture.flatten(2).numpy(), len(flow) // len(picture)
    for i, (by, target) in enumerate(zip(flow.numpy(), moved.numpy(), strict=True)):
        warp(by, sources[i // frames], view.left, view.top, view.size // size, target)
    return moved


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


def view_maps(
    layers: Layers, picture: Tensor, view: View, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Warp, mask and paint of a view at `size x size` pixels, or of its region, in fp32."""
    warp = layers.warp
    if warp.shape[-1] * CELLS != size * layers.region.width:
        warp = render_warp(layers.flow, picture, view, size, layers.region)
    mask, paint = (enlarge(x, warp.shape[-1] // x.shape[-1]) for x in (layers.mask, layers.paint))
    return warp, mask, paint


def compose(layers: Layers, picture: Tensor, view: View, size: int) -> Tensor:
    """The finished view `[n, 3, size, size]` in fp32, or its region: `mask * warp + paint`.

    The paint is added rather than blended in by `1 - mask`: a blending mask saturates at one
    early in training and the painter then gets no gradient.
    """
    warp, mask, paint = view_maps(layers, picture, view, size)
    return torch.addcmul(paint, mask, warp)
