"""Painting an eye of a reference shut.

A portrait shows hardly any of the skin that a shut eye shows. Skin from around the eye, filled in smoothly (push and
pull; Gortler et al., "The Lumigraph", 1996), with a line of lashes, is near to what is there. The numbers are chosen
on portraits, by eye and by a judge's blink curve, as far as lids stay as light as skin; nothing is learned here.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.eye import Eye, arch, luma, margin, mean_below, smoothstep

_LINE: Final = 0.015
"""Half the width of the line where they meet."""
_SOFT_LINE: Final = 0.057
LASHES: Final = 0.07
"""So far below the line a lid takes its lashes along."""
_THIN, _GONE = 0.25, 0.45
"""Length in which the lashes below the line grow thin, and where there are none."""
_LASH_LIGHT: Final = 0.48
"""Lashes are at least so light, over the skin behind them: light falls on shut lids, and shines through."""
_LIGHT: Final = 0.82
"""The lids are at least so light, over the cheek below them, unless that takes more than `_MOST` times, ..."""
_MOST: Final = 1.5
_RISE: Final = 0.6
"""... from this share of their height on; above it that light begins with the skin's under the brow."""
_PLAIN: Final = 0.7
"""How far they have the cheek's hue; shade under brows is redder than lids are."""
_BULGE: Final = 0.3
"""The middle of a lid is so much lighter, ..."""
_SIDES: Final = 0.3
"""... and its ends so much darker."""
_LIGHTEST: Final = 0.97
"""Nine tenths of a lid are no lighter than this, over the cheek below it: brows shade lids."""
_FOLD: Final = 0.26
"""Below the line the skin is so much darker, where it turns inwards, ..."""
_FOLDED: Final = 0.22
"""... down to here."""
_GRAIN: Final = 0.03
"""Most that the grain of the cheek lightens or darkens."""
_LASHES_REACH: Final = 0.14
"""So far above the upper margin what is dark may be a lash, and is filled in; further up it is hair of the brow."""
_HAIR: Final = 0.35
"""Hair is so much darker than the skin that would be in its place."""
_HARD: Final = 0.25
"""Width of the ramps of both."""
_CREASE: Final = 0.65
"""How much of the skin of the open eye stays over the lid: its crease, and the shade under the brow, ..."""
_CREASE_FROM: Final = (0.1, 0.15)
"""... so far above the upper margin, and the width of that ramp."""
_CHEEK: Final = (0.8, 1.3)
"""How far below the eye the cheek is: below the shade under deep eyes."""
_SHADE: Final = 0.45
"""What is round them counts as at least so light, over the cheek below them."""


def paint_shut(picture: Tensor, eye: Eye) -> None:
    """Paint the lids of an eye shut, in place, in a picture `[3, 480, 480]` in [-1, 1]."""
    rows, columns = _box(eye)
    y, x = torch.meshgrid(rows + 0.5, columns + 0.5, indexing="ij")
    u, v = eye.places(torch.stack([x, y], -1).to(picture))
    window = (
        ...,
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )
    open_eye = (picture[window] + 1) / 2
    skin = _skin(open_eye, eye, mean_below(picture, eye, *_CHEEK), u, v)
    lined, ink = _lashes(open_eye, skin, eye, u, v)
    stays = torch.maximum(_hair(open_eye, skin, eye, u, v), _crease(eye, u, v))
    share = torch.maximum(eye.cover(u, v), ink) * (1 - stays)
    picture[window] = (open_eye + (lined - open_eye) * share).clamp(0, 1) * 2 - 1


def _box(eye: Eye) -> tuple[Tensor, Tensor]:
    """Rows and columns of the frame round an eye, as far down as the skin that lends its grain."""
    corners = eye.pixels(torch.tensor([-0.6, 1.6, -0.6, 1.6]), torch.tensor([-0.9, -0.9, 1.7, 1.7]))
    low, high = corners.amin(0), corners.amax(0)
    left, top = (int(x.clamp(0, FRAME_SIZE - 2)) for x in low)
    right, bottom = (int(x.clamp(1, FRAME_SIZE)) for x in high)
    return torch.arange(top, max(bottom, top + 1)), torch.arange(left, max(right, left + 1))


def _skin(open_eye: Tensor, eye: Eye, cheek: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Skin `[3, h, w]` in 0..1 where the eye was: what is around it, as light as lids, with the grain of the cheek."""
    cover = eye.cover(u, v)
    # The brow's hair shades the lid below it, but not as dark as it is.
    lit = open_eye * (_SHADE * luma(cheek) / luma(open_eye).clamp(min=1e-3)).clamp(min=1)
    smooth = _blurred(_filled(lit, (cover <= 0).float()), 5)
    lid = smooth[:, cover > 0.5].mean(1)
    plain = cheek[:, None, None] * (luma(smooth) / luma(cheek))
    top, meet, bottom = eye.band(u)
    height = (v - top) / (meet - top).clamp(min=0.05)
    lighter = (_LIGHT * luma(cheek) / luma(lid)).clamp(1, _MOST) - 1
    smooth = torch.lerp(smooth, plain, _PLAIN) * (1 + lighter * smoothstep(height / _RISE))
    bulge = 1 + _BULGE * (1 - (2 * height - 1).square()).clamp(min=-1)
    bulge = bulge * (1 - _SIDES * (1 - arch(u)))
    brightest = (luma(smooth) * bulge)[cover > 0.5].quantile(0.9)
    bulge = bulge * (_LIGHTEST * luma(cheek) / brightest).clamp(max=1)
    fold = _FOLD * torch.exp(-((v - meet) / _FOLDED).square()) * (v > meet) * arch(u)
    fine = (open_eye - _blurred(open_eye, 3)).clamp(-_GRAIN, _GRAIN)
    lower = int(float((bottom - top).max() + 0.1) * eye.width)
    return smooth * bulge * (1 - fold) + fine.roll(-lower, 1)


def _lashes(
    open_eye: Tensor, skin: Tensor, eye: Eye, u: Tensor, v: Tensor
) -> tuple[Tensor, Tensor]:
    """Skin with lashes, as dark as those of the open eye, and how much of them there is, `[h, w]`."""
    _, meet, _ = eye.band(u)
    below = v - meet
    # Lashes are longer and closer towards the outer corner.
    thick = _LINE * arch(u) * (1.15 - 0.3 * u)
    line = torch.exp(-((below.abs() - thick).clamp(min=0) / _SOFT_LINE).square())
    thinner = torch.exp(-below / _THIN) * (1 - below / _GONE).clamp(min=0)
    fan = 0.7 * (1 - 0.5 * u) * thinner * (below > 0)
    ink = torch.maximum(line, fan) * arch(u) * ((u > 0) & (u < 1))
    from_rim = v - margin(eye.upper, u)
    rim = open_eye[:, (from_rim > -0.12) & (from_rim < 0.1) & (u > 0.1) & (u < 0.9)]
    darkest = luma(rim).argsort()[: max(4, rim.shape[1] // 8)]
    dark = torch.maximum(rim[:, darkest].mean(1)[:, None, None], _LASH_LIGHT * skin)
    return skin + (dark - skin) * ink, ink


def _hair(open_eye: Tensor, skin: Tensor, eye: Eye, u: Tensor, v: Tensor) -> Tensor:
    """How much of each place is hair of the brow, which stays, `[h, w]`."""
    darker = _blurred(1 - (luma(open_eye) / luma(skin).clamp(min=1e-3))[None], 3)[0]
    above = margin(eye.upper, u) - v
    return smoothstep((darker - _HAIR) / _HARD) * smoothstep((above - _LASHES_REACH) / _HARD)


def _crease(eye: Eye, u: Tensor, v: Tensor) -> Tensor:
    """How much of each place is skin over the lid, which stays, `[h, w]`."""
    above, wide = _CREASE_FROM
    return _CREASE * smoothstep((margin(eye.upper, u) - v - above) / wide)


def _filled(picture: Tensor, known: Tensor) -> Tensor:
    """Pictures `[3, h, w]` in which what is not known, `[h, w]` of 0 or 1, is filled in smoothly: push and pull."""
    levels, level = [], torch.cat([picture * known, known[None]])[None]
    while min(level.shape[-2:]) > 1:
        levels.append(level)
        even = F.pad(level, (0, level.shape[-1] % 2, 0, level.shape[-2] % 2))
        level = F.avg_pool2d(even, 2) * 4
        level = level / level[:, 3:].clamp(min=1)
    for finer in reversed(levels):
        pulled = F.interpolate(level, size=finer.shape[-2:], mode="bilinear", align_corners=False)
        pulled = pulled / pulled[:, 3:].clamp(min=1e-6)
        level = finer + (1 - finer[:, 3:]) * pulled
    return level[0, :3]


def _blurred(picture: Tensor, size: int) -> Tensor:
    """Two box filters in a row over `[3, h, w]`."""
    edge = (size // 2,) * 4
    for _ in range(2):
        picture = F.avg_pool2d(F.pad(picture[None], edge, mode="replicate"), size, 1)[0]
    return picture
