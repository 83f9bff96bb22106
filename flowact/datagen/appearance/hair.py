"""Hair: a shell over the scalp, and curtains or buns that the head carries.

All shapes are functions of template coordinates (decimetres on the base mesh, whose head spans y 6.2 to
8.5 with the face towards +z), so every style fits every identity.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.worn_mesh import Layer, grid_triangles, loop_subdivide
from flowact.datagen.graphics.layout import HAIR

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]

HairKind = Literal[
    "bald", "crop", "swept", "side_part", "fringe", "afro", "curly", "bun", "bob", "long"
]
HAIR_KINDS: tuple[HairKind, ...] = (
    "bald", "crop", "swept", "side_part", "fringe", "afro", "curly", "bun", "bob", "long",
)  # fmt: skip

_CENTRE = np.array([0.0, 7.45, 0.45], np.float32)
# Height of the hairline by azimuth in degrees (0 = forehead, 90 = ear, 180 = nape).
_AZIMUTH = (0, 25, 40, 50, 56, 62, 80, 85, 90, 106, 118, 140, 180)
_HEIGHT = (7.97, 8.00, 7.93, 7.70, 7.42, 7.12, 7.05, 7.12, 7.40, 7.44, 7.05, 6.62, 6.52)


@dataclass(frozen=True)
class HairStyle:
    """How somebody wears their hair.

    root and tip: linear RGB; volume: factor on the thickness; part: x of the parting in dm; length: how far a
    curtain hangs below the ear, in dm.
    """

    kind: HairKind = "crop"
    root: tuple[float, float, float] = (0.06, 0.035, 0.02)
    tip: tuple[float, float, float] = (0.12, 0.07, 0.04)
    volume: float = 1.0
    part: float = 0.25
    length: float = 1.0


def azimuth(position: Floats) -> Floats:
    """Angle in degrees round the head of positions [..., 3]: 0 at the front, 180 at the back, unsigned."""
    offset = position - _CENTRE
    return np.asarray(np.degrees(np.arctan2(np.abs(offset[..., 0]), offset[..., 2])), np.float32)


def hairline_distance(position: Floats) -> Floats:
    """Height in dm above the hairline of positions [..., 3] (negative on the face and neck)."""
    return np.asarray(
        position[..., 1] - np.interp(azimuth(position), _AZIMUTH, _HEIGHT), np.float32
    )


def _step(low: float, high: float, value: Floats) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _ridges(u: Floats, v: Floats, rng: np.random.Generator, waves: int = 24) -> Floats:
    """Smooth irregular ridges across u that wander along v; about unit deviation."""
    total = np.zeros_like(u)
    for _ in range(waves):
        frequency, phase = rng.uniform(20, 120), rng.uniform(0, 6.3)
        total += np.sin(frequency * u + phase + rng.uniform(0, 3) * np.sin(2.5 * v + phase))
    return np.asarray(total / np.sqrt(waves / 2), np.float32)


def _bumps(position: Floats, size: float, rng: np.random.Generator, waves: int = 40) -> Floats:
    """Rounded bumps of about `size` dm in space; about unit deviation."""
    direction = rng.standard_normal((waves, 3))
    direction *= 2 * np.pi / (size * np.linalg.norm(direction, axis=1, keepdims=True))
    phases = position @ direction.T + rng.uniform(0, 2 * np.pi, waves)
    return np.asarray(np.sin(phases).sum(-1) / np.sqrt(waves / 2), np.float32)


def hair_layers(style: HairStyle, template: Floats, scalp_triangles: I32, seed: int) -> list[Layer]:
    """The meshes of one hair style; empty for `bald`.

    template [V, 3]: the unshaped base mesh; scalp_triangles: its head triangles without eyes and mouth.
    """
    if style.kind == "bald":
        return []
    rng = np.random.default_rng(seed)
    layers = [_cap(style, template, scalp_triangles, rng)]
    if style.kind in ("bob", "long"):
        layers.append(_curtain(style, rng))
    if style.kind == "bun":
        layers.append(_bun(style, rng))
    return layers


def _cap(style: HairStyle, template: Floats, triangles: I32, rng: np.random.Generator) -> Layer:
    corners = template[triangles]
    near = (hairline_distance(corners) > -0.55).any(1) & (corners[..., 1] > 6.35).all(1)
    ear = (np.abs(corners[..., 0]) > 0.79).any(1) & (corners[..., 1] < 7.45).all(1)
    faces, surface = loop_subdivide(triangles[near & ~ear], len(template), 2)
    position = np.asarray(surface @ template, np.float32)
    strand, tangent = _combing(style, position)
    offset = _thickness(style, position, strand, rng)
    faces = faces[(offset[faces] > -0.03).any(1)]
    return Layer(
        position, faces, HAIR, surface=surface, offset=offset, strand=strand, tangent=tangent
    )


def _combing(style: HairStyle, position: Floats) -> tuple[Floats, Floats]:
    """Strand coordinates [N, 2] and directions [N, 3] of the style."""
    x, y, z = position.T
    if style.kind in ("swept", "bun", "crop"):
        across = np.arctan2(x, np.maximum(y - 6.9, 0.15))
        along = np.clip((1.5 - z) / 2.2, 0, 1)
        tangent = np.stack([0.2 * x, 0.25 * np.ones_like(x), -np.ones_like(x)], 1)
    elif style.kind in ("side_part", "bob", "long"):
        side = np.sign(x - style.part)
        across = 0.75 * z + 0.35 * (y - 8.0) * side
        along = np.clip((np.abs(x - style.part) + 0.4 * (8.4 - y)) / 1.5, 0, 1)
        tangent = np.stack(
            [side * np.clip((y - 7.3) * 1.2, 0.05, 1), -0.25 - (8.4 - y), 0.15 * z], 1
        )
    else:
        across = 0.55 * np.arctan2(x, z - 0.1)
        along = np.clip((8.5 - y) / 1.2, 0, 1)
        tangent = np.stack([x, -0.8 - (8.4 - y), z - 0.1], 1)
    if style.kind in ("afro", "curly"):  # coils: no strand is seen along its length
        coil = _bumps(position, 0.11, np.random.default_rng(1))
        along = 0.5 + 0.45 * coil
    strand = np.stack([across, along], 1)
    return np.asarray(strand, np.float32), np.asarray(tangent, np.float32)


def _thickness(
    style: HairStyle, position: Floats, strand: Floats, rng: np.random.Generator
) -> Floats:
    x, y, z = position.T
    distance = hairline_distance(position)
    height = _step(7.3, 8.3, y)
    front = np.exp(-((azimuth(position) / 42) ** 4))
    ridges = _ridges(strand[:, 0], strand[:, 1], rng)
    taper, jag, floor = 0.16, 0.02, 0.05
    if style.kind == "crop":
        body = 0.05 + 0.14 * height + 0.008 * ridges
    elif style.kind == "swept":
        quiff = np.exp(-(((y - 8.15) / 0.32) ** 2) - ((z - 1.15) / 0.45) ** 2 - (x / 0.6) ** 2)
        body = 0.06 + 0.13 * height + 0.20 * quiff + 0.010 * ridges
    elif style.kind == "fringe":
        distance = distance + 0.36 * front + 0.035 * ridges * front
        body = 0.11 + 0.13 * height + 0.010 * ridges
        taper, floor = 0.10, 0.04
    elif style.kind in ("afro", "curly"):
        size = 0.16 if style.kind == "afro" else 0.26
        depth = 0.50 if style.kind == "afro" else 0.26
        body = depth * (0.55 + 0.45 * _step(7.0, 8.0, y)) + 0.040 * _bumps(position, size, rng)
        taper, jag = 0.30, 0.04
    elif style.kind == "bun":
        body = 0.06 + 0.05 * height + 0.006 * ridges
    else:
        valley = (
            np.exp(-(((x - style.part) / 0.035) ** 2)) * _step(0.0, 0.3, z) * _step(7.7, 8.0, y)
        )
        swoop = front * _step(7.9, 8.25, y) * (1 - valley)
        body = (0.10 + 0.12 * height + 0.08 * swoop + 0.009 * ridges) * (1 - 0.6 * valley)
        if style.kind == "side_part":
            body = body - 0.04 * (1 - height)
        else:
            body = body + 0.05 * _step(60, 75, azimuth(position))
    grown = _step(0.0, taper, distance + jag * ridges)
    return np.asarray(style.volume * body * grown - floor * (1 - grown), np.float32)


def _curtain(style: HairStyle, rng: np.random.Generator) -> Layer:
    """Hair that hangs from ear height round the back, one continuous sheet."""
    rows, columns = 34, 150
    s = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    edge = 66 - 12 * np.sin(np.pi * np.clip(s * 1.1, 0, 1)) - (6 if style.kind == "long" else 0)
    angle = np.radians(180 - (180 - edge) * np.abs(across)) * np.where(across < 0, -1, 1)
    ridges = _ridges(2.2 * across + 0 * s, s + 0 * across, rng)
    bottom = 7.05 - style.length + 0.03 * ridges
    top = 8.12 + 0 * across
    y = top + (bottom - top) * s
    swell = 1 - _step(7.55, 8.15, np.asarray(y))
    width = (0.60 + 0.36 * swell + 0.03 * np.sin(3.2 * s)) * (0.96 + 0.04 * style.volume)
    curl = 0.10 * _step(0.8, 1.0, s + 0 * across) * (style.kind == "bob")
    radius = 1 + 0.016 * ridges * (0.3 + s) - curl
    x = width * radius * np.sin(angle)
    z = 0.40 + (0.10 + width) * radius * np.cos(angle)
    position = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    strand = np.stack([1.3 * across + 0 * s, 0.3 + 0.7 * s + 0 * across], -1).reshape(-1, 2)
    tangent = np.tile(np.array([0, -1, 0], np.float32), (len(position), 1))
    head = 0.35 + 0.65 * _step(5.4, 6.5, position[:, 1])
    return Layer(
        position,
        grid_triangles(rows, columns),
        HAIR,
        head=head,
        strand=strand.astype(np.float32),
        tangent=tangent,
    )


def _bun(style: HairStyle, rng: np.random.Generator) -> Layer:
    rows, columns = 24, 48
    theta = np.linspace(0, np.pi, rows)[:, None]
    phi = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None, :]
    unit = np.stack(
        [np.sin(theta) * np.cos(phi), np.cos(theta) + 0 * phi, np.sin(theta) * np.sin(phi)], -1
    )
    swirl = (phi / 6.3 * 1.2 + 0.4 * theta).astype(np.float32)
    ridges = _ridges(swirl, 0 * swirl, rng)
    radius = 0.36 * style.volume * (1 + 0.03 * ridges)
    position = np.array([0, 8.52, 0.0]) + unit * radius[..., None] * np.array([1.05, 0.9, 1.0])
    strand = np.stack([swirl, np.full_like(swirl, 0.3)], -1).reshape(-1, 2)
    tangent = np.stack(
        [-np.sin(phi) + 0 * theta, 0.3 + 0 * unit[..., 0], np.cos(phi) + 0 * theta], -1
    )
    flat = position.reshape(-1, 3).astype(np.float32)
    return Layer(
        flat,
        grid_triangles(rows, columns, closed=True),
        HAIR,
        head=np.ones(len(flat), np.float32),
        strand=strand.astype(np.float32),
        tangent=tangent.reshape(-1, 3).astype(np.float32),
    )
