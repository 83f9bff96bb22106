"""Clothes: a shell of the torso with a neckline and sleeves, and a folded collar."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.worn_mesh import Layer, grid_triangles, loop_subdivide
from flowact.datagen.graphics.layout import CLOTH

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]
RGB = tuple[float, float, float]

GarmentKind = Literal["crew", "scoop", "v_neck", "turtleneck", "shirt", "blazer"]
GARMENT_KINDS: tuple[GarmentKind, ...] = (
    "crew",
    "scoop",
    "v_neck",
    "turtleneck",
    "shirt",
    "blazer",
)
Pattern = Literal["plain", "stripes", "checks"]
PATTERNS: tuple[Pattern, ...] = ("plain", "stripes", "checks")


@dataclass(frozen=True)
class Garment:
    """What somebody wears.

    main, second, trim, inner: linear RGB; scale: pattern repeats per dm; short_sleeves: bare arms below the
    elbow.
    """

    kind: GarmentKind = "crew"
    pattern: Pattern = "plain"
    main: RGB = (0.10, 0.20, 0.45)
    second: RGB = (0.8, 0.8, 0.8)
    trim: RGB = (0.05, 0.10, 0.25)
    inner: RGB = (0.85, 0.85, 0.83)
    scale: float = 2.2
    short_sleeves: bool = False

    @property
    def drawing(self) -> int:
        """The pattern number of the cloth material: 0 plain, 1 stripes, 2 checks, 3 an open jacket."""
        return 3 if self.kind == "blazer" else PATTERNS.index(self.pattern)


def _step(low: float, high: float, value: Floats) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def neckline(kind: GarmentKind, position: Floats) -> Floats:
    """Height in dm of the neckline above positions [N, 3] of the torso."""
    x, z = position[:, 0], position[:, 2]
    front = 0.5 + 0.5 * np.cos(np.arctan2(x, z - 0.25))  # 1 at the throat, 0 at the nape
    if kind == "turtleneck":
        return np.asarray(6.02 + 0.06 * (1 - front), np.float32)
    if kind == "v_neck":
        slope = 5.16 + 1.15 * np.abs(x)
        return np.asarray(np.where(z > 0.2, np.minimum(slope, 5.86), 5.92), np.float32)
    if kind == "scoop":
        return np.asarray(5.93 - 0.62 * front**3, np.float32)
    if kind in ("shirt", "blazer"):
        return np.asarray(5.97 - 0.26 * front**3, np.float32)
    return np.asarray(5.95 - 0.32 * front**3, np.float32)


def garment_layers(
    garment: Garment, template: Floats, torso_triangles: I32, seed: int
) -> list[Layer]:
    """The meshes of a garment; torso_triangles: the base mesh's shirt shell."""
    layers = [_torso(garment, template, torso_triangles, seed)]
    if garment.kind in ("shirt", "blazer"):
        layers.append(_collar())
    return layers


def _torso(garment: Garment, template: Floats, triangles: I32, seed: int) -> Layer:
    faces, surface = loop_subdivide(triangles, len(template), 2)
    position = np.asarray(surface @ template, np.float32)
    below = neckline(garment.kind, position) - position[:, 1]
    hem = 0.022 * np.exp(-(((below - 0.05) / 0.035) ** 2))
    rng = np.random.default_rng(seed)
    offset = np.minimum(0.035 + hem + _folds(position, rng), np.maximum(0.045 + below, -0.10))
    if garment.short_sleeves:
        arm = 2.75 - np.abs(position[:, 0])
        offset = np.minimum(
            offset + 0.03 * _step(-0.2, 0.0, -arm), np.maximum(0.065 + 1.2 * arm, -0.10)
        )
    faces = faces[(offset[faces] > -0.05).any(1)]
    return Layer(position, faces, CLOTH, surface=surface, offset=offset.astype(np.float32))


def _folds(position: Floats, rng: np.random.Generator) -> Floats:
    """Soft creases, strongest at elbows and armpits."""
    x, y, _ = position.T
    total = np.zeros_like(x)
    for _ in range(10):
        angle, size = rng.uniform(-0.6, 0.6), rng.uniform(3, 9)
        total += np.sin(
            size * (y * np.cos(angle) + np.abs(x) * np.sin(angle)) + rng.uniform(0, 6.3)
        )
    near_joint = np.exp(-(((np.abs(x) - 1.55) / 0.5) ** 2)) + np.exp(
        -(((np.abs(x) - 3.1) / 0.5) ** 2)
    )
    return np.asarray(0.006 * total * (0.25 + near_joint), np.float32)


def _collar() -> Layer:
    """A folded shirt collar, open at the throat: up round the neck, over and down again."""
    columns = 96
    turn = np.linspace(-1, 1, columns)
    angle = np.pi + turn * np.pi * 0.93
    front = 0.5 + 0.5 * np.cos(angle)
    base = 5.99 - 0.34 * front**2
    profile = ((0.75, -0.02), (0.66, 0.09), (0.57, 0.19), (0.52, 0.21), (0.49, 0.16), (0.49, -0.02))
    spread = 1 + 0.25 * front**4
    rows = []
    for radius, rise in profile:
        drop = 1 + (0.9 * front**6 if rise < 0.1 and radius > 0.55 else 0)
        x = radius * np.sin(angle) * (1 + 0.04 * spread)
        z = 0.20 + radius * 1.02 * np.cos(angle) + 0.12 * front**2
        rows.append(
            np.stack([x, base + rise * drop - (0.10 * front**6 if radius > 0.62 else 0), z], 1)
        )
    position = np.concatenate(rows).astype(np.float32)
    head = np.zeros(len(position), np.float32)
    mark = np.tile(np.array([1, 0], np.float32), (len(position), 1))
    return Layer(position, grid_triangles(len(profile), columns), CLOTH, head=head, strand=mark)
