"""Stiff things that nose and ears hold: they turn with the head."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.graphics import layout
from flowact.datagen.photographic.sources.piece import Piece
from flowact.datagen.photographic.worn.cards import bound_layer

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]
Mesh = tuple[Floats, I32, Floats]
"""Points [N, 3] on the base mesh in dm, triangles [M, 3], and uv [N, 2]."""

TEXELS = 64
_HELD_AT = ((0.0, 7.32, 1.5), (0.82, 7.35, 0.48), (-0.82, 7.35, 0.48))  # nose and ears, template dm


def plain(colour: tuple[float, ...], alpha: float) -> Floats:
    """A texture [s, s, 4] of one colour."""
    return np.tile(np.array([*colour, alpha], np.float32), (TEXELS, TEXELS, 1))


def joined(parts: list[Mesh]) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(points) for points, _, _ in parts)])
    faces = [triangles + start for (_, triangles, _), start in zip(parts, starts, strict=False)]
    points, uvs = (np.concatenate([part[k] for part in parts]) for k in (0, 2))
    return points.astype(np.float32), np.concatenate(faces).astype(np.int32), uvs.astype(np.float32)


def held(
    humanoid: Humanoid,
    points: Floats,
    triangles: I32,
    uv: Floats,
    gloss: float,
    cut_out: bool = False,
) -> Layer:
    """A stiff thing that nose and ears hold: it goes where they go and turns with the head."""
    body = np.flatnonzero(humanoid.part_vertices("body"))
    apart = np.linalg.norm(humanoid.template[body] - np.array(_HELD_AT)[:, None], axis=-1)
    refs = body[apart.argmin(1)]
    offsets = points - humanoid.template[refs].mean(0)
    count = len(points)
    piece = Piece(
        points,
        np.tile(refs, (count, 1)).astype(np.int32),
        np.full((count, 3), 1 / 3, np.float32),
        offsets.astype(np.float32),
        triangles,
        uv[triangles],
    )
    layer = bound_layer(piece, humanoid, layout.CARD, cut_out)
    return replace(layer, strand=np.full((count, 2), gloss, np.float32))
