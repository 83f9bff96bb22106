"""Raised arms of a pose: what they look like, and what a decoder made in their place."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from flowact.motion.arm_mesh import ARM_SIDES, BONES, Integers, load_arm_mesh
from flowact.motion.joints import joint
from flowact.motion.normals import accumulate_normals
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.arms.look import ArmsLook
from flowact.tokenizer.arms.raster import SAMPLES, average, draw
from flowact.tokenizer.view_layers import Layers
from flowact.tokenizer.views import View

Floats = NDArray[np.floating[Any]]

_STIRS: Final = 0.15
"""Radians that upper arm and forearm have turned, added up, when an arm begins to be drawn."""
_RAISED: Final = 0.4
"""The same, when it is all there."""
_ELBOW: Final = 2.45
"""Most that a forearm turns: what is generated goes beyond what elbows do."""
_SUN: Final = np.array([0.28, 0.52, 0.80], np.float32)
_DIM: Final = np.array([0.60, 0.55, 0.53], np.float32)
"""Light that comes from everywhere, per channel: shade on skin is warm."""
_LIT: Final = np.array([0.48, 0.50, 0.50], np.float32)
"""What the sun adds where it stands upright."""
_BEYOND: Final = 0.6
"""How far beyond the tips of the fingers, in hands, the decoder may have made them."""
_UNSEEN: Final = 0.8
"""Decimetres below the picture from which on decoders make nothing of an arm."""
_ROUND: Final = 1.3
"""Decimetres round an arm in which what the decoder made of it is taken away."""
_FADE: Final = 0.5
"""Decimetres in which that ends."""
_ASIDE: Final = 1.0
"""Decimetres beside the middle of the face where what a decoder paints, while an arm is up, is most likely an arm."""
_BELOW: Final = -0.5
"""Decimetres below the eyes from which on that is so."""


@dataclass(frozen=True)
class Arms:
    """Raised arms in one frame of one person.

    Attributes:
        rows, columns: of the frame that they are in.
        colours: `[3, h, w]` in 0..1, times the cover.
        cover: `[h, w]` in 0..1.
        limbs: ends of forearms and hands in pixels, `[2 or 4, 2, 2]`.
        raised: how far the left and the right arm are raised, `[2]` in 0..1.
        middle, scale: of the eyes, see `ArmsLook`.
    """

    rows: slice
    columns: slice
    colours: Floats
    cover: Floats
    limbs: Floats
    raised: Floats
    middle: tuple[float, float]
    scale: float


def arms_of_people(poses: Tensor, looks: tuple[ArmsLook | None, ...]) -> list[list[Arms | None]]:
    """For each frame of poses `[batch, n, J, 3]`, the raised arms of each of `batch` people."""
    frames = poses.nan_to_num().cpu().numpy().swapaxes(0, 1)
    return [
        [None if look is None else raised_arms(pose, look) for pose, look in pairs]
        for pairs in (zip(people, looks, strict=True) for people in frames)
    ]


def raised_arms(pose: Floats, look: ArmsLook) -> Arms | None:
    """The arms of a pose `[J, 3]`; None where both hang, or are below the picture."""
    mesh = load_arm_mesh()
    pose = _with_elbows(pose)
    raised = np.array([_raised(pose, side) for side in ARM_SIDES]) * look.amount
    if not raised.any():
        return None
    matrices = mesh.skeleton.pose(pose)
    limbs = look.project(_limbs(matrices, raised))[..., :2]
    if limbs[..., 1].min() > FRAME_SIZE + _UNSEEN * look.scale:
        return None
    rows, columns, colour, cover = _drawn(mesh.moved(matrices), raised > 0, look)
    fade = raised.max()
    return Arms(rows, columns, colour * fade, cover * fade, limbs, raised, look.middle, look.scale)


def _limbs(matrices: Floats, raised: Floats) -> Floats:
    """Ends of the forearms and hands of raised arms, in decimetres, `[2 or 4, 2, 3]`."""
    ends = []
    for side in (side for side, amount in zip(ARM_SIDES, raised, strict=True) if amount):
        elbow, wrist, tip = (
            _head(matrices, f"{bone}_{side}") for bone in ("forearm", "hand", "middle_3")
        )
        ends += [(elbow, wrist), (wrist, tip + _BEYOND * (tip - wrist))]
    return np.array(ends)


def without_arms(layers: Layers, arms: list[Arms | None], view: View, still: bool) -> Layers:
    """Layers of a view, one of each person, without what the decoder made of arms that are drawn.

    Args:
        layers: of `batch` frames.
        arms: of each.
        view: that they cover.
        still: whether the warp is taken away, too: the reference shows what is behind them.
    """
    if not any(arms):
        return layers
    cells, device = layers.flow.shape[-1], layers.flow.device
    near = torch.stack([_near(one, view, cells) for one in arms])[:, None].to(device)
    aside = torch.stack([_aside(one, view, cells) for one in arms])[:, None].to(device)
    flow = layers.flow * (1 - near) if still else layers.flow
    taken = torch.maximum(near, aside)
    taken = F.interpolate(taken, size=layers.paint.shape[-2:], mode="bilinear")
    # Exactly as they were where nothing is taken: nobody's picture depends on who else is in the batch.
    mask = layers.mask + (1 - layers.mask) * taken
    return replace(layers, flow=flow, mask=mask, paint=layers.paint * (1 - taken))


def with_arms(frames: Tensor, arms: list[Arms | None]) -> Tensor:
    """Frames of `batch` people, uint8 `[batch, 480, 480, 3]` or `[batch, 3, 480, 480]` in [-1, 1], with their arms."""
    if not any(arms):
        return frames
    frames = frames.clone()
    for row, one in enumerate(arms):
        if one is not None:
            _blend(frames[row], one)
    return frames


def _blend(frame: Tensor, arms: Arms) -> None:
    """Draw arms over a frame, in place."""
    cover, colours = torch.from_numpy(arms.cover), torch.from_numpy(arms.colours)
    cover, colours = cover.to(frame.device), colours.to(frame.device)
    if frame.dtype == torch.uint8:
        there = arms.rows, arms.columns
        mixed = frame[there] * (1 - cover[..., None]) + 255 * colours.movedim(0, -1)
        frame[there] = mixed.add(0.5).clamp(0, 255).to(torch.uint8)
    else:
        under = frame[:, arms.rows, arms.columns].clone()
        frame[:, arms.rows, arms.columns] = under * (1 - cover) + 2 * colours - cover


def _with_elbows(pose: Floats) -> Floats:
    """The pose with forearms that turn no further than elbows let them."""
    bent = pose.copy()
    for side in ARM_SIDES:
        turn = bent[joint(f"forearm_{side}")]
        turn *= min(1.0, _ELBOW / max(float(np.linalg.norm(turn)), 1e-6))
    return bent


def _raised(pose: Floats, side: str) -> float:
    """How far an arm is up, 0..1."""
    turned = sum(
        float(np.linalg.norm(pose[joint(f"{bone}_{side}")])) for bone in ("upper_arm", "forearm")
    )
    share = min(max((turned - _STIRS) / (_RAISED - _STIRS), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _window(screen: Floats) -> tuple[slice, slice]:
    """Rows and columns of the frame that points `[2, n]` cover, which may be none."""
    low = np.floor(np.clip(screen.min(1) - 1, 0, FRAME_SIZE)).astype(int)
    high = np.ceil(np.clip(screen.max(1) + 1, 0, FRAME_SIZE)).astype(int)
    high = np.maximum(high, low)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _drawn(places: Floats, sides: Floats, look: ArmsLook) -> tuple[slice, slice, Floats, Floats]:
    """A posed mesh of which some `sides [2]` are shown.

    Returns:
        Rows and columns of the frame, and there colours `[3, h, w]`, times the cover, and the cover `[h, w]`.
    """
    mesh, screen = load_arm_mesh(), look.project(places)
    shown = np.flatnonzero(sides[mesh.sides])
    triangles = mesh.triangles[shown]
    rows, columns = _window(screen.T[:2, triangles.ravel()])
    height, width = (SAMPLES * (x.stop - x.start) for x in (rows, columns))
    samples = np.zeros((height, width, 4), np.float32)
    if samples.size:
        corner = np.array([columns.start, rows.start, 0], np.float32)
        fitted = (screen - corner) * np.array([SAMPLES, SAMPLES, 1], np.float32)
        colours = look.colours[mesh.kinds[shown]].astype(np.float32)
        near = np.zeros((height, width), np.float32)
        draw(fitted, _light(places, triangles), triangles, colours, near, samples)
    colour = np.empty((3, height // SAMPLES, width // SAMPLES), np.float32)
    cover = np.empty(colour.shape[1:], np.float32)
    average(samples, colour, cover)
    return rows, columns, colour, cover


def _light(places: Floats, triangles: Integers) -> Floats:
    """Light on every vertex of a mesh, `[V, 3]`."""
    normals = np.zeros_like(places)
    accumulate_normals(places, triangles, normals)
    upright = np.clip(normals @ (_SUN / np.linalg.norm(_SUN)), 0, None)
    return np.asarray(_DIM + _LIT * upright[:, None], np.float32)


def _head(matrices: Floats, bone: str) -> Floats:
    """Where a bone begins in a pose."""
    row = BONES.index(bone)
    head = load_arm_mesh().skeleton.heads[row]
    return np.asarray(matrices[row, :, :3] @ head + matrices[row, :, 3])


def _near(arms: Arms | None, view: View, cells: int) -> Tensor:
    """How near each cell of a view is to an arm, `[cells, cells]`: 1 at it, 0 where it ends."""
    best = torch.zeros(cells, cells)
    if arms is None:
        return best
    at = (view.identity_grid(cells)[0] + 1) * (FRAME_SIZE / 2)
    raised = np.repeat(arms.raised[arms.raised > 0], 2)
    for (start, end), amount in zip(arms.limbs, raised, strict=True):
        first = torch.from_numpy(start)
        along = torch.from_numpy(end) - first
        share = ((at - first) @ along / along.square().sum().clamp(min=1e-6)).clamp(0, 1)
        away = (at - first - share[..., None] * along).norm(dim=-1) / arms.scale
        best = torch.maximum(best, ((_ROUND - away) / _FADE).clamp(0, 1) * float(amount))
    return best


def _aside(arms: Arms | None, view: View, cells: int) -> Tensor:
    """Cells `[cells, cells]` beside the face, on the sides of raised arms: 1, or less near the face."""
    best = torch.zeros(cells, cells)
    if arms is None:
        return best
    at = (view.identity_grid(cells)[0] + 1) * (FRAME_SIZE / 2) - torch.tensor(arms.middle)
    across, down = (at / arms.scale).unbind(-1)
    low = ((down - _BELOW) / _FADE).clamp(0, 1)
    for towards, amount in zip((1, -1), arms.raised, strict=True):
        out = ((towards * across - _ASIDE) / _FADE).clamp(0, 1)
        best = torch.maximum(best, out * low * float(amount))
    return best
