"""Hats of our own."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.character import RGB, vary
from flowact.datagen.appearance.worn_mesh import grid_triangles
from flowact.datagen.photographic.worn.cards import Card
from flowact.datagen.photographic.worn.stiff import TEXELS, Mesh, held, joined, plain

Floats = NDArray[np.floating[Any]]


HatKind = Literal["beanie", "cap", "brim"]
HAT_KINDS: tuple[HatKind, ...] = ("beanie", "cap", "brim")


@dataclass(frozen=True)
class Hat:
    """A knit cap, or a hat with a peak or a brim.

    colour: linear RGB; edge: height of its edge over the brows in dm (template y); stripes: 0 for none.
    """

    kind: HatKind
    colour: RGB
    edge: float
    stripes: int

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Hat":
        """Any hat."""
        level = rng.uniform(0.03, 0.6)
        return cls(
            HAT_KINDS[rng.integers(len(HAT_KINDS))],
            vary(tuple(level * rng.uniform(0.4, 1.0, 3)), 0.1, rng),
            float(rng.uniform(7.74, 7.90)),
            int(rng.integers(2, 6) * (rng.random() < 0.3)),
        )

    def _cloth(self) -> Floats:
        """A knit or weave, and stripes."""
        rng = np.random.default_rng(0)
        cloth = plain(self.colour, 1.0)
        x, y = np.meshgrid(np.arange(TEXELS), np.arange(TEXELS))
        knit = (
            1
            + 0.18 * np.sin(x * 1.6) * np.sin(y * 0.8 + (x % 4))
            + 0.06 * rng.standard_normal(x.shape)
        )
        cloth[..., :3] *= knit[..., None].astype(np.float32)
        if self.stripes:
            band = (y * self.stripes // TEXELS) % 2 == 1
            cloth[band, :3] = 0.8 - 0.75 * cloth[band, :3]
        return np.clip(cloth, 0.002, 1.0)

    def card(self, humanoid: Humanoid) -> Card:
        """A dome over the skull, with a peak or a brim."""
        parts = [self._dome()]
        if self.kind != "beanie":
            parts.append(self._brim())
        return self._cloth(), held(humanoid, *joined(parts), gloss=0.1)

    def covers(self, position: Floats) -> NDArray[np.bool_]:
        """Which template positions [..., 3] the dome takes the room of, as hair must not."""
        return np.asarray(position[..., 1] > self._edge(position[..., 2]) + 0.02)

    def _edge(self, z: Floats) -> Floats:
        """Height of the edge, lower at the back than at the forehead."""
        return np.asarray(self.edge - 0.30 * np.clip((1.2 - z) / 1.6, 0, 1))

    def _dome(self) -> Mesh:
        rows, columns = 18, 64
        rise = np.linspace(-0.06, 1, rows)[:, None]
        turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
        spread = np.sqrt(np.clip(1 - np.clip(rise, 0, 1) ** 2.6, 0, 1)) + 0 * turn
        x, z = 0.86 * spread * np.sin(turn), 0.46 + 1.18 * spread * np.cos(turn)
        base = self._edge(0.46 + 1.18 * np.cos(turn) + 0 * rise)
        y = base + rise * (8.62 + (0.12 if self.kind == "beanie" else 0.03) - base)
        fold = 0.05 * np.exp(-(((rise - 0.08) / 0.10) ** 2)) * (self.kind == "beanie")
        out = 1 + fold + 0 * turn
        points = np.stack([x * out, y, 0.46 + (z - 0.46) * out], -1).reshape(-1, 3)
        uv = np.stack(
            [(turn / (2 * np.pi)) * 4 % 1 + 0 * rise, np.clip(rise, 0.01, 0.99) + 0 * turn], -1
        )
        return points, grid_triangles(rows, columns, closed=True), uv.reshape(-1, 2)

    def _brim(self) -> Mesh:
        columns = 64
        reach = np.linspace(0, 1, 6)[:, None]
        turn = np.linspace(-np.pi, np.pi, columns)[None]
        front = np.clip(np.cos(turn), 0, 1) ** 0.7
        length = 0.75 * front if self.kind == "cap" else 0.48 + 0 * front
        x, z = 0.86 * np.sin(turn), 0.46 + 1.18 * np.cos(turn)
        radial = np.stack([np.sin(turn), 0 * turn, np.cos(turn)], -1)
        droop = 0.10 + 0.10 * np.sin(turn) ** 2
        inner = np.stack([x, self._edge(z) + 0.01, z], -1)
        points = inner + (reach * length)[..., None] * (radial - droop[..., None] * (0, 1, 0))
        uv = np.stack([0.5 + 0.4 * np.sin(turn) + 0 * reach, 0.05 + 0.1 * reach + 0 * turn], -1)
        return points.reshape(-1, 3), grid_triangles(6, columns), uv.reshape(-1, 2)
