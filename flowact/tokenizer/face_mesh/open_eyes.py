"""Open eyes of a portrait: its own lids, lashes and irises, which turn with the gaze.

A decoder that learns from pictures paints the mean of eyes that look here and there, which is dull. The warp has
them as sharp as the portrait; only irises do not move in it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.eye import Eye, EyePairs, margin, smoothstep
from flowact.tokenizer.kernels import map_kernels
from flowact.tokenizer.kernels.eye_kernel import show_eye
from flowact.tokenizer.layers import to_overwrite
from flowact.tokenizer.views import VIEW_SIZE, View
from flowact.tokenizer.warp import FLOW_CELLS, enlarge

_CLOSING: Final = (0.1, 0.5)
"""How far lids are shut when the decoder's own eye begins to show, and when nothing else does."""
_RADIUS: Final = 0.37
"""Of an eyeball, where the iris is, in distances of the corners."""
_FURTHEST: Final = 0.3
"""Radians to which an iris is followed."""
_EDGE: Final = 0.05
"""Breadth at the margins of lids in which an iris goes under, and five times that at the corners."""
_REACH: Final = (1.1, 0.85)
"""Half the width and height of what is looked at, in distances of the corners."""
_TURNED: Final = 14
"""Pixels by which a head may take its eyes along."""


@dataclass(frozen=True)
class OpenEyes:
    """Eyes of some references that are shown as they are there.

    Attributes:
        picture: the references, `[batch, 3, 480, 480]` in [-1, 1].
        eyes: of each reference.
        amount: how much of them is shown, 0..1.
    """

    picture: Tensor
    eyes: EyePairs
    amount: float


@dataclass(frozen=True)
class EyeMotion:
    """What eyes do in `n` frames, left and right.

    Attributes:
        shut: how far lids are shut, `[n, 2]` in 0..1.
        gaze: how far they look down and to the person's left, in radians, `[n, 2, 2]`.
    """

    shut: Tensor
    gaze: Tensor


def with_open_eyes(
    mask: Tensor, paint: Tensor, flow: Tensor, look: EyeMotion, eyes: OpenEyes, view: View
) -> tuple[Tensor, Tensor]:
    """Show the reference's eyes in place of what a decoder made; mask and paint are overwritten without a gradient.

    Args:
        mask: `[n, 1, p, p]`, how much of the warp shows.
        paint: `[n, 3, p, p]`, what is added to it.
        flow: of the warp, `[n, 2, 60, 60]`.
        look: what the eyes do.
        eyes: of the references; each may serve several frames in a row.
        view: that is painted.

    Returns:
        Mask and paint.
    """
    opened = 1 - smoothstep((look.shut - _CLOSING[0]) / (_CLOSING[1] - _CLOSING[0]))
    shown, covered = to_overwrite(mask), to_overwrite(paint)
    frames = len(mask) // len(eyes.eyes)
    for source, pair in enumerate(eyes.eyes):
        own = slice(source * frames, (source + 1) * frames)
        for side, eye in enumerate(pair):
            if eye is None or not opened[own, side].any():
                continue
            cells, scale = _cells(eye, view), paint.shape[-1] // FLOW_CELLS
            strength = eyes.amount * opened[own, side]
            if map_kernels.usable(paint) and view.size == paint.shape[-1]:
                frame = flow[own], look.gaze[own, side], strength, shown[own], covered[own]
                _show(*frame, eye, cells, eyes.picture[source], view)
                continue
            there = (own, slice(None), *(slice(scale * c.start, scale * c.stop) for c in cells))
            places = _sources(flow[own], cells, scale, view)
            colours, share = _seen(places, look.gaze[own, side], eye, eyes.picture[source])
            share = share * strength[:, None, None, None]
            # The windows of two eyes may meet: what is under the second is what the first left.
            shown[there] = shown[there].clone() * (1 - share).to(mask.dtype)
            covered[there] = torch.lerp(
                covered[there].clone(), colours.to(paint.dtype), share.to(paint.dtype)
            )
    return shown, covered


def _show(
    flow: Tensor,
    gaze: Tensor,
    strength: Tensor,
    mask: Tensor,
    paint: Tensor,
    eye: Eye,
    cells: tuple[slice, slice],
    picture: Tensor,
    view: View,
) -> None:
    """Show an eye in some frames by a compiled loop, which changes their masks and paints."""
    scale, numbers = mask.shape[-1] // FLOW_CELLS, eye.numbers()
    rows, columns = ((scale * c.start, scale * c.stop) for c in cells)
    frames = (flow, _turned(gaze, eye), strength, mask[:, 0], paint)
    for by, turned, much, shown, covered in zip(*(x.numpy() for x in frames), strict=True):
        show_eye(
            by, (view.left, view.top), rows, columns, numbers, turned, np.float32(_EDGE), much,
            picture.numpy(), shown, covered,
        )  # fmt: skip


def _turned(gaze: Tensor, eye: Eye) -> Tensor:
    """Pixels `[n, 2]` by which an iris goes right and down; `gaze [n, 2]` is down and to the person's left."""
    return gaze.flip(-1).clamp(-_FURTHEST, _FURTHEST) * (_RADIUS * eye.width)


def _cells(eye: Eye, view: View) -> tuple[slice, slice]:
    """Rows and columns of the flow's cells in which an eye may be seen."""
    middle = eye.pixels(eye.to_eye.new_tensor(0.5), eye.to_eye.new_tensor(0.0))
    x, y = view.pixels(middle).tolist()
    pixels = VIEW_SIZE // FLOW_CELLS
    spans = []
    for at, reach in ((y, _REACH[1]), (x, _REACH[0])):
        half = reach * eye.width + _TURNED
        first, last = (min(max(int(at + sign * half) // pixels, 0), FLOW_CELLS) for sign in (-1, 1))
        spans.append(slice(first, max(last, first + 1)))
    return spans[0], spans[1]


def _sources(flow: Tensor, cells: tuple[slice, slice], scale: int, view: View) -> Tensor:
    """Pixels `[n, h, w, 2]` of the reference that a flow shows in some cells of a view."""
    rows, columns = (slice(scale * c.start, scale * c.stop) for c in cells)
    still = view.identity_grid(scale * FLOW_CELLS, flow.device)[:, rows, columns]
    moved = still + enlarge(flow[..., cells[0], cells[1]], scale).movedim(1, -1)
    return (moved + 1) * (FRAME_SIZE / 2)


def _seen(places: Tensor, gaze: Tensor, eye: Eye, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Colours `[n, 3, h, w]` of an eye at pixels of the reference `[n, h, w, 2]`, and how much of them shows."""
    u, v = eye.places(places)
    upper, lower = margin(eye.upper, u), margin(eye.lower, u)
    inside = smoothstep((v - upper) / _EDGE + 0.5) * smoothstep((lower - v) / _EDGE + 0.5)
    inside = inside * smoothstep(torch.minimum(u, 1 - u) / (5 * _EDGE))
    grid = (places - inside[..., None] * _turned(gaze, eye)[:, None, None]) * (2 / FRAME_SIZE) - 1
    shown = picture[None].float().expand(len(places), -1, -1, -1)
    colours = F.grid_sample(shown, grid, padding_mode="border", align_corners=False)
    return colours, eye.cover(u, v)[:, None]
