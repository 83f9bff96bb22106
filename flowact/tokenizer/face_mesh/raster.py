"""Drawing the mesh: for every cell of a view what the reference shows there, and on which part of a face it is."""

from functools import lru_cache
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.motion.face_mesh import (
    EYE,
    LOWER_TEETH,
    MOUTH,
    UPPER_TEETH,
    load_template,
    with_ring,
)
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.fit import FittedFaces
from flowact.tokenizer.kernels.map_kernels import Floats, Integers, compiled
from flowact.tokenizer.views import View
from flowact.tokenizer.warp import FLOW_CELLS

PLANES: Final = 9
"""Flow (x, y), face or not, place on the average face (x, y), between lids, between lips, upper teeth, lower teeth."""
MESH_CELLS: Final = 2 * FLOW_CELLS
"""Side of the grid over a view that the maps are drawn on; a lid is a few cells."""
PARTS: Final = slice(5, PLANES)
"""The planes of eyes, mouth and teeth."""
LIPS: Final = 6
"""The plane of what is between the lips."""
_PARTS: Final = np.zeros((5, 4), np.float32)
"""Which of the last four planes a kind of triangle belongs to; teeth are between the lips, too."""
_PARTS[[EYE, MOUTH, UPPER_TEETH, LOWER_TEETH], [0, 1, 1, 1]] = 1
_PARTS[[UPPER_TEETH, LOWER_TEETH], [2, 3]] = 1
_OPEN: Final = -1
"""Where no triangle is."""


@torch.autocast("cpu", enabled=False)  # geometry, of which training must not lose bits
def mesh_maps(faces: FittedFaces, curves: Tensor, view: View) -> Tensor:
    """What faces show while curves act and head and camera are still.

    The flow has a gradient: that of the shifts at each place, as if the triangles stayed where they are.

    Args:
        faces: meshes of `batch` references.
        curves: ARKit activations `[batch, n, 52]` relative to the references.
        view: that the maps cover.

    Returns:
        `[batch * n, 9, 120, 120]`: the displacement to where the reference shows what is there, in frame
        coordinates (2 is the frame's width), then shares 0..1 or places -1..1 as `PLANES` says; all are 0
        off the face.
    """
    faces = FittedFaces(faces.vertices.cpu(), faces.shifts.cpu())
    shifts = faces.shifted(curves.float().cpu()).flatten(0, 1)
    backwards = shifts * (-2 / FRAME_SIZE)
    still = faces.vertices.repeat_interleave(curves.shape[1], 0)
    covered, weights = _covered((still + shifts).detach(), view)
    maps = _maps(covered, weights, backwards.detach())
    if backwards.requires_grad:
        flow = _flow(covered, weights, backwards)
        maps = maps + F.pad(flow - flow.detach(), (0, 0, 0, 0, 0, PLANES - 2))
    return maps.to(curves.device)


def _covered(vertices: Tensor, view: View) -> tuple[Tensor, Tensor]:
    """The triangle at each cell of a view, `[n, 120, 120]`, and the shares of its corners, `[n, 120, 120, 3]`."""
    corner = torch.tensor([view.left, view.top], dtype=torch.float32)
    places = ((vertices - corner) * (MESH_CELLS / view.size)).numpy()
    covered = np.full((len(places), MESH_CELLS, MESH_CELLS), _OPEN, np.int32)
    weights = np.zeros((len(places), MESH_CELLS, MESH_CELLS, 3), np.float32)
    triangles = load_template().triangles.numpy()
    for frame in zip(places, covered, weights, strict=True):
        _draw(triangles, *frame)
    return torch.from_numpy(covered), torch.from_numpy(weights)


def _maps(covered: Tensor, weights: Tensor, backwards: Tensor) -> Tensor:
    template = load_template()
    maps = np.zeros((len(covered), PLANES, MESH_CELLS, MESH_CELLS), np.float32)
    mesh = (template.triangles.numpy(), template.kinds.numpy(), _places())
    frames = (covered.numpy(), weights.numpy(), backwards.numpy(), maps)
    for frame in zip(*frames, strict=True):
        _shade(*mesh, *frame)
    return torch.from_numpy(maps)


def _flow(covered: Tensor, weights: Tensor, backwards: Tensor) -> Tensor:
    """What `_shade` makes the flow, `[n, 2, 120, 120]`, by operations that have a gradient."""
    template, at = load_template(), covered.clamp(min=0).long()
    counts = (covered != _OPEN) & (template.kinds[at] != EYE)
    corners = template.triangles.long()[at].flatten(1)
    values = torch.gather(backwards, 1, corners[..., None].expand(-1, -1, 2))
    mixed = (values.unflatten(1, (MESH_CELLS, MESH_CELLS, 3)) * weights[..., None]).sum(3)
    return (mixed * counts[..., None]).movedim(-1, 1)


@lru_cache(maxsize=1)
def _places() -> Floats:
    """Where every vertex is on the average face, `[V, 2]`, the landmarks within -1..1."""
    template = load_template()
    low, high = template.neutral[:, :2].amin(0), template.neutral[:, :2].amax(0)
    flat = (torch.cat([template.neutral, template.teeth])[:, :2] - low) / (high - low) * 2 - 1
    return np.asarray(with_ring(flat, template.outline).numpy(), np.float32)


@compiled
def _draw(triangles: Integers, vertices: Floats, covered: Integers, weights: Floats) -> None:
    """Draw triangles `[T, 3]` in their order: which one covers each cell, and how near its corners are.

    Args:
        triangles: `[T, 3]`.
        vertices: in cells of the grid, `[V, 2]`.
        covered: `[n, n]`, written where a triangle is.
        weights: barycentric coordinates `[n, n, 3]`, the same.
    """
    size = covered.shape[0]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = vertices[a, 0], vertices[a, 1]
        bx, by = vertices[b, 0] - ax, vertices[b, 1] - ay
        cx, cy = vertices[c, 0] - ax, vertices[c, 1] - ay
        area = bx * cy - by * cx
        if abs(area) < 1e-4:
            continue
        left = max(int(np.floor(ax + min(0.0, bx, cx) - 0.5)), 0)
        right = min(int(np.ceil(ax + max(0.0, bx, cx) + 0.5)), size)
        top = max(int(np.floor(ay + min(0.0, by, cy) - 0.5)), 0)
        bottom = min(int(np.ceil(ay + max(0.0, by, cy) + 0.5)), size)
        for y in range(top, bottom):
            py = y + 0.5 - ay
            for x in range(left, right):
                px = x + 0.5 - ax
                v, w = (px * cy - py * cx) / area, (bx * py - by * px) / area
                u = 1.0 - v - w
                if min(u, v, w) >= -1e-4:
                    covered[y, x] = t
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = u, v, w


@compiled
def _shade(
    triangles: Integers,
    kinds: Integers,
    places: Floats,
    covered: Integers,
    weights: Floats,
    backwards: Floats,
    maps: Floats,
) -> None:
    """Write what is at each cell.

    Args:
        triangles: `[T, 3]`.
        kinds: of the triangles, `[T]`.
        places: of the vertices on the average face, `[V, 2]`.
        covered: what `_draw` wrote.
        weights: the same.
        backwards: from each vertex to where it is in the reference, `[V, 2]`.
        maps: zeros `[9, 120, 120]`, written.
    """
    for y in range(covered.shape[0]):
        for x in range(covered.shape[1]):
            t = covered[y, x]
            if t == _OPEN:
                continue
            for k in range(3):
                vertex, share = triangles[t, k], weights[y, x, k]
                for axis in range(2):
                    # An eyeball stays where it is when lids pass over it.
                    if kinds[t] != EYE:
                        maps[axis, y, x] += share * backwards[vertex, axis]
                    maps[3 + axis, y, x] += share * places[vertex, axis]
            maps[2, y, x] = 1
            for part in range(_PARTS.shape[1]):
                maps[5 + part, y, x] = _PARTS[kinds[t], part]
