"""Photographs that replace what is otherwise painted or computed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.appearance.worn_mesh import Layer

Floats = NDArray[np.floating[Any]]


def _none(channels: int) -> Floats:
    return np.zeros((1, 1, channels), np.float32)


@dataclass(frozen=True)
class Photographs:
    """Textures of one person in linear light, and the meshes that wear them; empty for a painted person.

    skin [H, W, 4]: albedo and gloss of the head in `actor.SKIN_WINDOW`; body [h, w, 3]: of the whole UV
    square; iris [s, s, 3]: an eyeball seen from the front; cards [h, w, 4]: RGB and alpha of the layers.
    replaced: names of body parts that the layers stand for.
    """

    skin: Floats | None = None
    body: Floats = field(default_factory=lambda: _none(3))
    iris: Floats = field(default_factory=lambda: _none(3))
    cards: Floats = field(default_factory=lambda: _none(4))
    layers: tuple[Layer, ...] = ()
    replaced: frozenset[str] = frozenset()
