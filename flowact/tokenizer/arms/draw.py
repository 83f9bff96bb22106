"""Raised arms of a pose, drawn over a frame."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flowact.motion.arm_mesh import ARM_SIDES, BONES, Integers, load_arm_mesh
from flowact.motion.joints import joint
from flowact.motion.normals import accumulate_normals
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.arms.look import ArmsLook
from flowact.tokenizer.arms.raster import SAMPLES, average, draw

Floats = NDArray[np.floating[Any]]

_STIRS: Final = 0.15
"""Radians that upper arm and forearm have turned, added up, when an arm begins to be drawn."""
_RAISED: Final = 0.4
"""The same, when it is all there."""
_ELBOW: Final = 2.45
"""Most that a forearm turns: what is generated goes beyond what elbows do."""
_HAND: Final = 0.8
"""Decimetres below the picture from which on nothing of an arm is seen whose joints are all there."""
_SUN: Final = np.array([0.28, 0.52, 0.80], np.float32)
_DIM: Final = np.array([0.60, 0.55, 0.53], np.float32)
"""Light that comes from everywhere, per channel: shade on skin is warm."""
_LIT: Final = np.array([0.48, 0.50, 0.50], np.float32)
"""What the sun adds where it stands upright."""


@dataclass(frozen=True)
class Arms:
    """Raised arms in one frame of one person.

    Attributes:
        rows, columns: of the frame that they are in.
        colours: `[3, h, w]` in 0..1, times the cover.
        cover: `[h, w]` in 0..1.
    """

    rows: slice
    columns: slice
    colours: Floats
    cover: Floats


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
    if look.project(_ends(matrices))[:, 1].min() > FRAME_SIZE + _HAND * look.scale:
        return None
    rows, columns, colour, cover = _drawn(mesh.moved(matrices), raised > 0, look)
    fade = raised.max()
    return Arms(rows, columns, colour * fade, cover * fade)


def _ends(matrices: Floats) -> Floats:
    """Where elbows, wrists and fingers are, in decimetres, `[6, 3]`."""
    bones = (f"{bone}_{side}" for side in ARM_SIDES for bone in ("forearm", "hand", "middle_3"))
    return np.array([_head(matrices, bone) for bone in bones])


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
