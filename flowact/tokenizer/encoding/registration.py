"""Latents whose decoded faces lie where the frames have them: Gauss-Newton on pose and expression, through the decoder.

An encoder is off by a pixel or two in where a head is, and eyes are lost in that. A few rounds of image registration
mend it (Lucas and Kanade, IJCAI 1981; for faces with expressions: Matthews and Baker, IJCV 2004). The decoder is the
model that is laid over the frame. It is asked what each direction of motion changes in its picture, so that nothing
has to have a gradient, and a decoder in eight bits will do.
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.motion.arkit import ARKIT, columns
from flowact.motion.joints import joint
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.state import ReferenceFeatures
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.view_layers import compose
from flowact.tokenizer.views import VIEW_SIZE

ROUNDS: Final = 2
"""Rounds of registration; a third brings little."""

_JOINTS: Final = ("spine", "neck", "head")
_CURVES: Final = ("jawOpen", "mouthSmile")
"""What moves a head, and the strongest of what moves a face. Gaze and lids are left to the encoder, which is surer of
them than a picture of so few pixels is."""
_EVERY: Final = 2
"""One of so many frames is registered; what is found changes evenly in between."""
_STEP: Final = 0.5
_MOST: Final = 1.0
"""How far a direction is tried, and how far a round may go, in deviations of the channel."""
_PRIOR: Final = 0.2
"""How strongly the encoder is believed. With less, pictures come closer still, but motion is further from the truth:
registration then makes good what the decoder does wrong."""
_CELLS: Final = 60
"""Side of the pictures that are compared: a pixel of them is as wide as an encoder errs."""
_WIDTH: Final = 1.5
_FLOOR: Final = 0.02
"""The squared reach of a face in variances of its landmarks, and what the picture round it counts."""


@torch.no_grad()
def registered(
    tokenizer: Tokenizer,
    latents: Tensor,
    frames: Tensor,
    features: ReferenceFeatures,
    points: Tensor,
    rounds: int = ROUNDS,
) -> Tensor:
    """Improve latents until faces that are decoded from them lie on those of the frames.

    Args:
        tokenizer: in any number format.
        latents: where to begin, `[1, n, 16, 8, 16]`, such as `Tokenizer.encode` gives.
        frames: what they stand for, `[1, 4 * n, 3, 480, 480]` in [-1, 1].
        features: of the portrait.
        points: landmarks of the frames, `[4 * n, 89, 2]` in pixels; frames without them keep their motion.
        rounds: of registration; 0 leaves the latents as they are.

    Returns:
        Latents like those given.
    """
    motion = torch.cat([tokenizer.latents_to_motion(z) for z in latents.unbind(1)], 1)
    which = slice(_EVERY - 1, None, _EVERY)
    wanted = _small(tokenizer.face.view.crop(frames[0, which]))
    counts = _near_faces(tokenizer.face.view.pixels(points[which].to(wanted)))
    directions = _directions(motion)
    moved = motion.new_zeros(len(wanted), len(directions))
    for _ in range(rounds):
        begin = motion + _evenly(moved) @ directions
        made = _faces(tokenizer, begin, features)
        tried = (_faces(tokenizer, begin + _STEP * by, features) for by in directions)
        changes = torch.stack([(each - made) / _STEP for each in tried], -1)
        moved = moved + _step(wanted - made, changes, counts, moved)
    return tokenizer.motion_to_latents(motion + _evenly(moved) @ directions)


def _directions(motion: Tensor) -> Tensor:
    """The directions of motion in which a face is registered, `[k, channels]`."""
    pose = len(ARKIT)
    axes = [(pose + 3 * joint(name) + axis,) for name in _JOINTS for axis in range(3)]
    groups = [*axes, *map(columns, _CURVES)]
    rows = motion.new_zeros(len(groups), motion.shape[-1])
    for row, channels in zip(rows, groups, strict=True):
        row[list(channels)] = 1
    return rows


def _faces(tokenizer: Tokenizer, motion: Tensor, features: ReferenceFeatures) -> Tensor:
    """What is decoded of some frames of a motion `[1, 4 * n, channels]`, as if its beginning had lasted for long."""
    held = motion[:, :FRAMES_PER_LATENT]
    layers = tokenizer.face.paint(
        tokenizer.seen_motion(torch.cat([held, held, motion], 1), features),
        features.face,
        frames=slice(_EVERY - 1, None, _EVERY),
    )
    return _small(compose(layers, features.face.picture, tokenizer.face.view, VIEW_SIZE))


def _small(pictures: Tensor) -> Tensor:
    return F.avg_pool2d(pictures.float(), VIEW_SIZE // _CELLS)


def _near_faces(points: Tensor) -> Tensor:
    """How much each pixel counts, `[n, 1, 60, 60]`: a bell as wide as the landmarks; 0 where a face is not known."""
    centre = points.mean(1)
    around = points - centre[:, None]
    spread = around.mT @ around / points.shape[1] * _WIDTH
    known = points.isfinite().flatten(1).all(1)
    spread = torch.where(known[:, None, None], spread, torch.eye(2).to(spread))
    places = (torch.arange(_CELLS).to(points) + 0.5) * (VIEW_SIZE / _CELLS)
    grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), -1)
    offset = grid - centre.nan_to_num()[:, None, None]
    distance = torch.einsum("nhwi,nij,nhwj->nhw", offset, torch.linalg.inv(spread), offset)
    bell = _FLOOR + (1 - _FLOOR) * torch.exp(-distance / 2)
    return (bell * known[:, None, None])[:, None]


def _step(missing: Tensor, changes: Tensor, counts: Tensor, moved: Tensor) -> Tensor:
    """One step of Gauss-Newton for every frame, `[n, k]`.

    Args:
        missing: what the picture lacks, `[n, 3, 60, 60]`.
        changes: what each direction adds to it, `[n, 3, 60, 60, k]`.
        counts: how much each pixel counts, `[n, 1, 60, 60]`.
        moved: how far each frame has come already, `[n, k]`.
    """
    share = counts / counts.sum((1, 2, 3), keepdim=True).clamp(min=1e-6) / missing.shape[1]
    error = (share * missing.square()).sum((1, 2, 3)).clamp(min=1e-9)
    weighted = (share[..., None] * changes).flatten(1, 3).mT / error[:, None, None]
    prior = _PRIOR * torch.eye(moved.shape[1]).to(moved)
    normal = weighted @ changes.flatten(1, 3) + prior
    pull = weighted @ missing.flatten(1)[..., None] - _PRIOR * moved[..., None]
    return torch.linalg.solve(normal, pull)[..., 0].clamp(-_MOST, _MOST)


def _evenly(moved: Tensor) -> Tensor:
    """How far every frame is moved, `[1, 2 * n, k]`, if every second is, `[n, k]`."""
    before = torch.cat([moved[:1], moved[:-1]])
    return torch.stack([(before + moved) / 2, moved], 1).flatten(0, 1)[None]
