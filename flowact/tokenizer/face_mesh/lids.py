"""Lids that shut: the reference with its eyes shut, and how much of it each frame of a blink shows.

A decoder that warps and paints makes a smear of iris and lashes of a shut eye.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.eye import Eye, EyePairs, margin, smoothstep
from flowact.tokenizer.face_mesh.shut_eye import LASHES, paint_shut
from flowact.tokenizer.layers import to_overwrite
from flowact.tokenizer.views import View

_STARTS: Final = 0.1
"""How far lids are shut when they begin to be drawn."""
_HIDES: Final = 0.45
"""How far they are shut when nothing of what the decoder made shows through."""
_ROUND: Final = 0.2
"""So far round them the reference is shown, too: the decoder drags brows and cheeks along."""


@dataclass(frozen=True)
class ShutLids:
    """Some references with their lids shut.

    Attributes:
        picture: the references `[batch, 3, 480, 480]` in [-1, 1] with both eyes shut.
        eyes: left and right of each reference; None where there is none, or what covers it is no skin.
    """

    picture: Tensor
    eyes: EyePairs


def shut_lids(picture: Tensor, eyes: EyePairs, amount: float) -> ShutLids | None:
    """Shut the eyes of references `[batch, 3, 480, 480]` in [-1, 1]; None where nothing is to be drawn."""
    if not amount:
        return None
    shut = picture.clone()
    for row, pair in zip(shut, eyes, strict=True):
        for eye in pair:
            if eye is not None:
                paint_shut(row, eye)
    return ShutLids(torch.lerp(picture, shut, amount), eyes)


def with_lids(
    mask: Tensor, paint: Tensor, head: Tensor, shut: Tensor, lids: ShutLids, view: View
) -> tuple[Tensor, Tensor]:
    """Draw lids that are shutting over what a decoder made; mask and paint are overwritten without a gradient.

    Args:
        mask: `[n, 1, p, p]`, how much of the warp shows.
        paint: `[n, 3, p, p]`, what is added to it.
        head: the flow that the head's movement makes, `[n, 2, 60, 60]`. The decoder may move lids with it, too.
        shut: how far the left and the right eye's lids are shut, `[n, 2]` in 0..1.
        lids: of the references; each may serve several frames in a row.
        view: that is painted.

    Returns:
        Mask and paint; the same tensors where no lid is shutting.
    """
    falling = (shut > _STARTS).cpu()
    if not falling.any():
        return mask, paint
    veiled, covered = to_overwrite(mask), to_overwrite(paint)
    frames = len(shut) // len(lids.eyes)
    pixels = (view.identity_grid(paint.shape[-1], paint.device)[0] + 1) * (FRAME_SIZE / 2)
    for row, side in falling.nonzero().tolist():
        source = row // frames
        eye = lids.eyes[source][side]
        if eye is None:
            continue
        shift = _shift_of_head(head[row], eye.steady, view)
        window = _window(eye, shift, pixels)
        if not pixels[window].numel():  # the head has left the view
            continue
        still = pixels[window] + _with_one(pixels[window]) @ shift
        drawn, share = _drawn(still, shut[row, side], eye, lids.picture[source])
        there = (row, slice(None), *window)
        # The windows of two eyes may meet: what is under the second is what the first left.
        veiled[there] = veiled[there].clone() * (1 - share)
        covered[there] = torch.lerp(
            covered[there].clone(), drawn.to(paint.dtype), share.to(paint.dtype)
        )
    return veiled, covered


def _shift_of_head(head: Tensor, steady: Tensor, view: View) -> Tensor:
    """What a flow `[2, 60, 60]` adds to pixels `(x, y, 1)` at steady landmarks, as an affine map `[3, 2]`."""
    at = view.from_frame(steady * (2 / FRAME_SIZE) - 1)
    moved = F.grid_sample(head[None], at[None, None], padding_mode="border", align_corners=False)
    pixels = moved[0, :, 0].mT * (FRAME_SIZE / 2)
    solved: Tensor = torch.linalg.lstsq(_with_one(steady), pixels).solution
    return solved


def _with_one(pixels: Tensor) -> Tensor:
    return F.pad(pixels, (0, 1), value=1.0)


def _window(eye: Eye, shift: Tensor, pixels: Tensor) -> tuple[slice, slice]:
    """Rows and columns of pixels `[p, p, 2]` round an eye."""
    middle = eye.pixels(shift.new_tensor(0.5), shift.new_tensor(0.0))
    middle = middle - _with_one(middle) @ shift
    near = (pixels - middle).abs() < eye.width
    columns, rows = near[0, :, 0].nonzero(), near[:, 0, 1].nonzero()
    return _span(rows), _span(columns)


def _span(places: Tensor) -> slice:
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _drawn(still: Tensor, shut: Tensor, eye: Eye, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Colours `[3, p, p]` of a lid that has come so far, and how much of them shows, `[p, p]`.

    `still` are the pixels `[p, p, 2]` of the reference that lie there if nothing but the head has moved.
    """
    u, v = eye.places(still)
    top, meet, _ = eye.band(u)
    end = meet + LASHES
    edge = torch.lerp(margin(eye.upper, u), end, shut)
    along = (v - top) / (edge - top)
    # The lid slides: what has come out from under the crease is squeezed. Below its edge nothing is.
    there = torch.where(along < 1, top + along * (end - top), v + end - edge)
    beyond = smoothstep((shut - 0.7) / 0.3)
    share = torch.where(along < 1, 1.0, beyond) * eye.cover(u, there, _ROUND)
    share = share * smoothstep((shut - _STARTS) / (_HIDES - _STARTS))
    grid = eye.pixels(u, there) * (2 / FRAME_SIZE) - 1
    colours = F.grid_sample(picture[None].float(), grid[None], align_corners=False)[0]
    return colours, share
