"""Hair as photographed cards, in any colour."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.hair import HairStyle
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.graphics import layout
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.photographic.sources.piece import Piece
from flowact.datagen.photographic.worn.cards import tile
from flowact.motion.normals import accumulate_normals

Floats = NDArray[np.floating[Any]]

_TEXELS = 512
_COILED = 160  # coils are finer than a pixel: more texels would shimmer
_CONTRAST = (
    0.5  # the photographs have strong highlights of their own, and the renderer adds its lights
)
_HEAD = np.array([0.0, 7.5, 0.35], np.float32)  # centre of the skull, dm on the base mesh
_FREE = 6.5  # dm: below this height long hair hangs on the shoulders and turns less with the head


def hair_tile(name: str, style: HairStyle, library: Library) -> Floats:
    """The card's light and dark [s, s, 4] in the colours of a style."""
    card = tile(library, name, _COILED if "afro" in name else _TEXELS)
    light = card[..., :3].mean(-1)
    seen = light[card[..., 3] > 0.5]
    light = np.clip(light / max(float(np.median(seen)), 1e-3), 0.2, 2.5) ** _CONTRAST
    root, tip = np.asarray(style.root, np.float32), np.asarray(style.tip, np.float32)
    colour = root + np.clip(0.5 * light, 0, 1)[..., None] * (tip - root)
    card[..., :3] = np.clip(colour * light[..., None], 0.002, 0.95)
    return card


def hair_layer(piece: Piece) -> Layer:
    """The mesh of the cards, which the head carries."""
    x, y, z = piece.template.T
    around = piece.template - _HEAD
    around = around / np.linalg.norm(around, axis=1, keepdims=True)
    normal = np.zeros_like(piece.template)
    accumulate_normals(piece.template, piece.triangles, normal)
    normal *= np.sign((normal * around).sum(1, keepdims=True))
    return Layer(
        piece.template,
        piece.triangles,
        layout.HAIR_CARD,
        head=np.clip(0.35 + 0.65 * (y - _FREE + 1.1) / 1.1, 0.35, 1).astype(np.float32),
        tangent=np.stack([x, -0.8 - np.maximum(8.4 - y, 0), z - 0.1], 1).astype(np.float32),
        normal=np.asarray(0.6 * around + 0.4 * normal, np.float32),
        uv=piece.uv,
        cut_out=True,
    )
