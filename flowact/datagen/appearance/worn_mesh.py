"""Meshes worn by the body: shells grown from its surface and pieces carried by head or chest.

A *shell* is a Loop-subdivided copy of some body triangles, pushed out along the normals; where its offset
is negative it lies under the skin, so that hairlines and necklines are smooth curves that the depth test
draws. A *carried* piece (a bun, a curtain of hair, a collar) follows rigid motions of head and chest.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Layer:
    """One worn mesh of N vertices.

    template [N, 3]: positions on the base mesh; triangles [M, 3]; material: of `graphics.layout`.
    surface: for a shell, the matrix [N, V] that takes body vertices to its own; None when carried.
    offset [N]: dm along the normal (shell). head [N]: share of the head's motion, the rest is the chest's.
    shift [N, 3]: instead of an offset, a displacement in dm that turns with the head or, with `jaw`, the jaw.
    strand [N, 2]: coordinate across and along hair, or the gloss of a `CARD`; tangent [N, 3]: direction of the strands.
    normal [N, 3]: of the template, instead of that of the mesh; turns with the head.
    uv [M, 3, 2]: into the cards of `textures.Photographs`; cut_out: their alpha says where there is anything.
    """

    template: Floats
    triangles: I32
    material: int
    surface: sparse.csr_matrix | None = None
    offset: Floats | None = None
    head: Floats | None = None
    shift: Floats | None = None
    strand: Floats = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    tangent: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    normal: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    uv: Floats = field(default_factory=lambda: np.zeros((0, 3, 2), np.float32))
    cut_out: bool = False
    jaw: bool = False


def loop_subdivide(triangles: I32, count: int, levels: int) -> tuple[I32, sparse.csr_matrix]:
    """Loop subdivision (Loop 1987) of `triangles` over `count` vertices.

    Returns the finer triangles and the matrix [N, count] from old to new positions; vertices that no
    triangle uses are dropped.
    """
    used, local = np.unique(triangles, return_inverse=True)
    faces = local.reshape(-1, 3).astype(np.int32)
    matrix = sparse.csr_matrix(
        (np.ones(len(used), np.float32), (np.arange(len(used)), used)), (len(used), count)
    )
    for _ in range(levels):
        faces, step = _loop_step(faces, matrix.shape[0])
        matrix = (step @ matrix).tocsr()
    return faces, matrix


def _loop_step(faces: I32, count: int) -> tuple[I32, sparse.csr_matrix]:
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    opposite = faces[:, [2, 0, 1]].reshape(-1)
    unique, inverse, uses = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    inner = uses == 2
    rows = np.arange(len(unique))
    ends = np.where(inner, 3 / 8, 1 / 2).astype(np.float32)
    odd = sparse.coo_matrix((ends, (rows, unique[:, 0])), (len(unique), count))
    odd = odd + sparse.coo_matrix((ends, (rows, unique[:, 1])), (len(unique), count))
    weight = np.where(inner[inverse], 1 / 8, 0).astype(np.float32)
    odd = odd + sparse.coo_matrix((weight, (inverse, opposite)), (len(unique), count))
    even = _even_rule(unique.astype(np.int64), inner, count)
    middle = inverse.reshape(-1, 3) + count
    a, b, c = faces.T
    ab, bc, ca = middle.T
    finer = np.concatenate(
        [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    )
    return finer.astype(np.int32), sparse.vstack([even, odd]).tocsr()


def _even_rule(edges: NDArray[np.int64], inner: NDArray[np.bool_], count: int) -> sparse.csr_matrix:
    """Old vertices: the Warren weights inside, the cubic B-spline rule on the border."""
    border_vertex = np.zeros(count, bool)
    border_vertex[edges[~inner]] = True
    both = np.concatenate([edges, edges[:, ::-1]])
    border_edge = np.concatenate([~inner, ~inner])
    keep = np.where(border_vertex[both[:, 0]], border_edge, True)
    both = both[keep]
    degree = np.bincount(both[:, 0], minlength=count)
    beta = np.where(degree == 3, 3 / 16, 3 / (8 * np.maximum(degree, 1)))
    beta = np.where(border_vertex, 1 / 8, beta).astype(np.float32)
    around = sparse.coo_matrix((beta[both[:, 0]], (both[:, 0], both[:, 1])), (count, count))
    own = sparse.diags((1 - beta * degree).astype(np.float32))
    return (own + around).tocsr().astype(np.float32)


def grid_triangles(rows: int, columns: int, closed: bool = False) -> I32:
    """Triangles [M, 3] of a rows x columns grid of vertices; `closed` joins the last column to the first."""
    r, c = np.meshgrid(
        np.arange(rows - 1), np.arange(columns if closed else columns - 1), indexing="ij"
    )
    right = (c + 1) % columns
    p, q, s, t = (
        r * columns + c,
        r * columns + right,
        (r + 1) * columns + c,
        (r + 1) * columns + right,
    )
    both = [np.stack([p, q, s], -1), np.stack([q, t, s], -1)]
    return np.concatenate([x.reshape(-1, 3) for x in both]).astype(np.int32)
