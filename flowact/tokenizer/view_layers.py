"""The layers of a view's picture - a warp of the reference, a mask and paint - and what is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor

from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.kernels import map_kernels
from flowact.tokenizer.kernels.pixel_kernels import warp
from flowact.tokenizer.views import CELLS, FULL, Region, View
from flowact.tokenizer.warp import FLOW_CELLS, enlarge, sample, sampling_grid

Remembered = tuple[Tensor, Tensor, Tensor, Tensor]
"""`head`, `step`, `mask` and `paint` of `FoundLayers` of one frame of every session."""


@dataclass(frozen=True)
class FoundLayers:
    """What a network finds for `n` frames, before parts of a face are drawn.

    Attributes:
        head: where the movement of head and body leads, `[n, 2, 60, 60]`; a face's mesh acts behind it.
        step: what the network adds to both, the same shape.
        flow: all of it; see `Layers`.
        warp: see `Layers`.
        mask: see `Layers`.
        paint: see `Layers`.
        parts: where eyes, mouths and teeth are, `[n, 4, 120, 120]`; None without a mesh.
    """

    head: Tensor
    step: Tensor
    flow: Tensor
    warp: Tensor
    mask: Tensor
    paint: Tensor
    parts: Tensor | None

    def last(self, frames: int) -> Remembered:
        """What to remember of the last of every `frames` frames."""
        pick = slice(frames - 1, None, frames)
        head, step, mask, paint = (
            maps[pick].clone() for maps in (self.head, self.step, self.mask, self.paint)
        )
        return head, step, mask, paint

    def on_the_way(self, before: Remembered, share: float) -> Remembered:
        """What lies so far from the frame before the latent to its first of these, and from each to the next."""
        maps = (self.head, self.step, self.mask, self.paint)

        def between(last: Tensor, x: Tensor) -> Tensor:
            frames = x.unflatten(0, (len(last), -1))
            earlier = torch.cat([last[:, None], frames[:, :-1]], 1)
            return torch.lerp(earlier, frames, share).flatten(0, 1)

        head, step, mask, paint = (between(*pair) for pair in zip(before, maps, strict=True))
        return head, step, mask, paint

    @classmethod
    def in_turn(cls, parts: Sequence[Self]) -> Self:
        """The first frame of each, then the second of each, and so on."""

        def taken(name: str) -> Tensor | None:
            maps = [getattr(part, name) for part in parts]
            return None if maps[0] is None else torch.stack(maps, 1).flatten(0, 1)

        return cls(**{field.name: taken(field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Layers:
    """The layers of `n` frames of a view. Sizes are those of the full view.

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

    def by_frame(self) -> list["Layers"]:
        """Each of the four frames of a latent, of every session in a batch."""
        picks = (slice(frame, None, FRAMES_PER_LATENT) for frame in range(FRAMES_PER_LATENT))
        return [
            Layers(self.flow[pick], self.mask[pick], self.paint[pick], self.warp[pick])
            for pick in picks
        ]


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
