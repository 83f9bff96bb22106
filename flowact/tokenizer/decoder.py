"""From two latents and a reference to the layers of a picture: a warp of the reference, a mask and paint."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.config import LATENT_CHANNELS, LATENT_GRID, ViewConfig
from flowact.tokenizer.layers import (
    Modulation,
    Pyramid,
    ResidualBlock,
    Upsample,
    activate,
    conv,
    zero_init,
)
from flowact.tokenizer.views import VIEW_SIZE, VIEWS, View
from flowact.tokenizer.warp import enlarge, sample, sampling_grid

FLOW_UNIT = 0.1
"""Displacement, as a share of half the frame, that one unit of network output stands for."""

MASK_BIAS = 2.0
"""A fresh network keeps 88 % of the warp."""


@dataclass(frozen=True)
class ViewReference:
    """What the decoder of a view needs to know of the reference; computed once per session.

    Attributes:
        picture: the whole reference frame ``[batch, 3, 480, 480]``, fp32 in [-1, 1].
        warpable: features ``[batch, c, 60, 60]`` over the view that move with the flow.
        guides: features added to the decoder at 8, 15 and 30 cells.
    """

    picture: Tensor
    warpable: Tensor
    guides: tuple[Tensor, ...]


@dataclass(frozen=True)
class Layers:
    """What a view's decoder paints, for ``n`` frames.

    Attributes:
        flow: ``[n, 2, 60, 60]``, where the reference is sampled, relative to the identity, in
            frame coordinates.
        mask: ``[n, 1, p, p]`` in [0, 1], how much of the warp is kept; p is 120 or 240.
        paint: ``[n, 3, p, p]``, added to the masked warp.
    """

    flow: Tensor
    mask: Tensor
    paint: Tensor


class ReferenceEncoder(nn.Module):
    """The pyramid of the reference that a view's decoder looks at."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.view = VIEWS[config.view]
        self.pyramid = Pyramid(3, config.reference_widths, blocks=0)
        widths = reversed(config.reference_widths[2:])
        pairs = zip(widths, config.trunk_widths, strict=True)
        self.guides = nn.ModuleList(conv(a, b, 1) for a, b in pairs)

    def forward(self, picture: Tensor) -> ViewReference:
        """Features of whole reference frames ``[batch, 3, 480, 480]`` in [-1, 1]."""
        weight = self.guides[0].weight
        features = self.pyramid(self.view.crop(picture).to(weight.dtype))
        coarse_first = zip(self.guides, reversed(features[2:]), strict=True)
        guides = tuple(guide(feature) for guide, feature in coarse_first)
        return ViewReference(picture.float(), features[1], guides)


class Trunk(nn.Module):
    """The part of the decoder that the four frames of a latent share: 8 -> 15 -> 30 cells."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        coarse, middle, fine = config.trunk_widths
        self.enter = conv(2 * LATENT_CHANNELS, coarse, 3)
        self.ups = nn.ModuleList([Upsample(coarse, middle, 15), Upsample(middle, fine, 30)])
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width, normalise=width != fine) for _ in range(count)))
            for width, count in zip(config.trunk_widths, config.trunk_blocks, strict=True)
        )
        self.leave = conv(fine, FRAMES_PER_LATENT * config.frame_widths[0], 1)

    def forward(self, previous: Tensor, current: Tensor, guides: tuple[Tensor, ...]) -> Tensor:
        """Two latents ``[batch, 16, 8, 8]`` to ``[batch * 4, width, 30, 30]``, frame by frame."""
        x = self.enter(torch.cat([previous, current], 1)) + guides[0]
        x = self.blocks[0](activate(x))
        for up, guide, blocks in zip(self.ups, guides[1:], self.blocks[1:], strict=True):
            x = blocks(activate(up(x) + guide))
        frames = self.leave(x).unflatten(1, (FRAMES_PER_LATENT, -1)).flatten(0, 1)
        return frames.contiguous(memory_format=torch.channels_last)


class ViewDecoder(nn.Module):
    """Decoder of a view: ``(z_prev, z_cur, reference) -> Layers`` of four frames.

    It is also told the curves and pose that the linear read-out finds in ``z_cur``. A latent spreads
    each of them over all cells, differently in each, and a convolution, whose weights all cells
    share, would have to learn to collect them again before it can move an eyelid.
    """

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.view, self.paint_scale = VIEWS[config.view], config.paint_scale
        coarse, middle, fine = config.frame_widths
        self.trunk = Trunk(config)
        self.place = nn.Parameter(torch.zeros(1, coarse, 30, 30))
        self.modulation = Modulation(config.readouts, config.frame_widths)
        counts = zip(config.frame_widths, config.frame_blocks, strict=True)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(n))) for width, n in counts
        )
        self.coarse_flow = zero_init(conv(coarse, 2, 3))
        self.up_middle = Upsample(coarse, middle, 60)
        self.take_features = conv(config.reference_widths[1], middle, 1)
        self.fine_flow = zero_init(conv(middle, 2, 3))
        self.up_fine = Upsample(middle, fine, 120)
        self.take_pixels = conv(3 * self.paint_scale**2, fine, 3)
        self.leave = zero_init(conv(fine, 4 * self.paint_scale**2, 3))

    def forward(
        self, previous: Tensor, current: Tensor, controls: Tensor, reference: ViewReference
    ) -> Layers:
        """Paint the four frames of ``current``.

        Args:
            previous: normalised latents of the four frames before, ``[batch, 16, 8, 8]``.
            current: those of the four frames to paint.
            controls: their standardised read-outs, ``[batch, 4, curves + pose]``.
            reference: features of ``batch`` references.

        Returns:
            Layers of ``batch * 4`` frames.
        """
        _check_latents(previous, current)
        vector = controls.flatten(0, 1).clamp(-4, 4).to(self.place.dtype)
        first, second, third = self.modulation(vector)
        x = self.trunk(previous, current, reference.guides) + self.place
        x = self.blocks[0](modulate(x, first))
        coarse = enlarge(self.coarse_flow(x), 60) * FLOW_UNIT
        x = self.up_middle(x) + self.take_features(self._warp_features(coarse, reference.warpable))
        x = self.blocks[1](activate(modulate(x, second)))
        flow = coarse + self.fine_flow(x).float() * FLOW_UNIT
        x = self.up_fine(x) + self.take_pixels(self._warp_pixels(flow, reference.picture, x.dtype))
        x = self.blocks[2](activate(modulate(x, third)))
        painted = F.pixel_shuffle(self.leave(x), self.paint_scale)
        return Layers(flow, torch.sigmoid(painted[:, :1].float() + MASK_BIAS), painted[:, 1:])

    def _warp_features(self, flow: Tensor, features: Tensor) -> Tensor:
        grid = self.view.from_frame(sampling_grid(flow, self.view, 60))
        warped = sample(features, grid).to(features.dtype)
        return warped.contiguous(memory_format=torch.channels_last)

    def _warp_pixels(self, flow: Tensor, picture: Tensor, dtype: torch.dtype) -> Tensor:
        """What the warp will show, at 120x120 with ``paint_scale`` squared pixels folded into channels."""
        size = VIEW_SIZE // 2 * self.paint_scale
        folded = F.pixel_unshuffle(render_warp(flow, picture, self.view, size), self.paint_scale)
        return folded.to(dtype).contiguous(memory_format=torch.channels_last)


def modulate(x: Tensor, by: tuple[Tensor, Tensor]) -> Tensor:
    """``factor * x + shift``."""
    factor, shift = by
    return torch.addcmul(shift, x, factor)


def render_warp(flow: Tensor, picture: Tensor, view: View, size: int) -> Tensor:
    """The reference as the flow ``[n, 2, 60, 60]`` moves it, ``[n, 3, size, size]`` in fp32."""
    return sample(picture, sampling_grid(flow, view, size))


def compose(layers: Layers, picture: Tensor, view: View, size: int) -> Tensor:
    """The finished view ``[n, 3, size, size]`` in fp32: ``mask * warp + paint``.

    The paint is added rather than blended in by ``1 - mask``: a blending mask saturates at one
    early in training and the painter then gets no gradient.
    """
    warp = render_warp(layers.flow, picture, view, size)
    overlay = enlarge(torch.cat([layers.mask.to(layers.paint.dtype), layers.paint], 1), size)
    return torch.addcmul(overlay[:, 1:], overlay[:, :1], warp)


def _check_latents(*latents: Tensor) -> None:
    expected = (LATENT_CHANNELS, LATENT_GRID, LATENT_GRID)
    for z in latents:
        if z.shape[1:] != expected:
            raise ValueError(f"a view's latent is {tuple(z.shape[1:])}, expected {expected}")
