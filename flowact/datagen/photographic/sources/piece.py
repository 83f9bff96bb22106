"""A textured mesh that is bound to the vertices of the base mesh."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]


@dataclass(frozen=True)
class Piece:
    """N vertices, each a weighted mean of three vertices of the base mesh and a displacement.

    template [N, 3]: where they are on the unshaped base mesh, in dm; refs [N, 3]: rows of
    `Humanoid.template`, whose weights [N, 3] are 0 where the humanoid lacks the vertex; offsets
    [N, 3] in dm; triangles [M, 3]; uv [M, 3, 2] with v upwards.
    """

    template: Floats
    refs: I32
    weights: Floats
    offsets: Floats
    triangles: I32
    uv: Floats

    def save(self, path: Path) -> None:
        """Write an `.npz` file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "Piece":
        """Read what `save` wrote."""
        with np.load(path) as archive:
            return cls(**{f.name: archive[f.name] for f in fields(cls)})

    def surface(self, count: int) -> sparse.csr_matrix:
        """The matrix [N, count] from vertices of the base mesh to those of the piece, displacements aside."""
        rows = np.repeat(np.arange(len(self.refs)), 3)
        entries = (self.weights.ravel(), (rows, self.refs.ravel()))
        return sparse.csr_matrix(entries, (len(self.refs), count), dtype=np.float32)

    def without(self, hidden: NDArray[np.bool_]) -> "Piece":
        """The piece less the triangles that have a hidden vertex; hidden [N]."""
        kept = ~hidden[self.triangles].any(1)
        return replace(self, triangles=self.triangles[kept], uv=self.uv[kept])
