"""How the arms of the person of a reference look, and where they are: learned once per session."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from flowact.motion.arm_mesh import ARM_SIDES, BONES, FOREARM, HAND, load_arm_mesh
from flowact.motion.face_mesh import VERTEX
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.face_mesh.fit import FittedFaces

Floats = NDArray[np.floating[Any]]

DISTANCE: Final = 14.0
"""From the eyes to the camera, in decimetres, as in the training data."""
_BARE: Final = tuple(
    VERTEX[name] for name in VERTEX if name.startswith(("nose_bridge", "cheek_high", "forehead"))
)
"""Vertices of the face mesh where most faces show skin."""
_SMALLEST: Final = 12.0
"""Distance in pixels of the eyes below which nothing is drawn."""
_STEPS: Final = 9
"""Places along an upper arm at which its colour is looked up."""
_LIKE_SKIN: Final = 0.04
"""Distance of the shares of red, green and blue up to which another part of a person may be skin."""
_ENOUGH: Final = 0.2
"""Share of what is seen round the lowest places of the arms that must look like skin for bare arms."""
_HAS_HANDS: Final = 0.1
"""Share of hanging hands in the picture from which on a portrait has hands of its own, and nothing is drawn."""


@dataclass(frozen=True)
class ArmsLook:
    """The arms of one person.

    Attributes:
        middle: of the eyes, in pixels.
        scale: pixels per decimetre at the eyes.
        colours: of `HAND` and `FOREARM`, `[2, 3]` in 0..1.
        amount: how much of them is drawn, 0..1.
    """

    middle: tuple[float, float]
    scale: float
    colours: Floats
    amount: float

    def project(self, places: Floats) -> Floats:
        """Places `[..., 3]` in decimetres to pixels, and the share of the eyes' distance that they are near at."""
        eyes = load_arm_mesh().eyes.mean(0)
        x, y, z = np.moveaxis(places - eyes, -1, 0)
        near = DISTANCE / np.maximum(DISTANCE - z, 1e-3)
        across, down = (
            self.middle[0] + self.scale * x * near,
            self.middle[1] - self.scale * y * near,
        )
        return np.stack([across, down, near], -1).astype(np.float32)


def look_of_arms(
    picture: Tensor, faces: FittedFaces, amount: float
) -> tuple[ArmsLook | None, ...] | None:
    """The arms of references `[batch, 3, 480, 480]` in [-1, 1]; None where nothing is to be drawn."""
    if not amount:
        return None
    colours = (picture.detach().float().cpu().numpy() + 1) / 2
    vertices = faces.vertices.detach().cpu().numpy()
    return tuple(_look(*pair, amount) for pair in zip(colours, vertices, strict=True))


def _look(picture: Floats, vertices: Floats, amount: float) -> ArmsLook | None:
    mesh = load_arm_mesh()
    eyes = [
        vertices[[VERTEX[f"eye_corner_{end}_{side}"] for end in ("inner", "outer")]].mean(0)
        for side in ARM_SIDES
    ]
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    if apart < _SMALLEST:
        return None
    x, y = np.mean(eyes, 0)
    scale = apart / float(np.linalg.norm(mesh.eyes[0] - mesh.eyes[1]))
    skin = np.median(_seen(picture, vertices[list(_BARE)]), 0)
    look = ArmsLook((float(x), float(y)), scale, np.stack([skin, skin]), amount)
    hands = mesh.vertices[np.unique(mesh.triangles[mesh.kinds == HAND])]
    if (look.project(hands)[:, 1] < FRAME_SIZE).mean() > _HAS_HANDS:
        return None
    look.colours[FOREARM] = _sleeve(picture, look, skin)
    return look


def _sleeve(picture: Floats, look: ArmsLook, skin: Floats) -> Floats:
    """Colour `[3]` of the forearms: that of the upper arms, unless the lowest that is seen of them is bare."""
    heads = load_arm_mesh().skeleton.heads
    arms = np.stack([_between(heads, f"upper_arm_{s}", f"forearm_{s}") for s in ARM_SIDES])
    places = look.project(arms)[..., :2]
    inside = ((places >= 2) & (places < FRAME_SIZE - 2)).all(-1)
    upper = inside & (np.arange(_STEPS) < _STEPS // 2)
    if not upper.any():
        return skin
    cloth = np.median(_seen(picture, places[upper]), 0)
    return skin if _bare(picture, places[inside], skin, cloth) else np.asarray(cloth)


def _bare(picture: Floats, places: Floats, skin: Floats, cloth: Floats) -> bool:
    """Whether skin is seen along the upper arms, or round their lowest places."""
    if np.linalg.norm(_hue(cloth) - _hue(skin)) < _LIKE_SKIN:
        return True
    lowest = places[np.argsort(-places[:, 1])[:2]]
    across, down = np.meshgrid(np.arange(-30, 31, 4), np.arange(-8, 9, 4))
    round_them = (lowest[:, None] + np.stack([across.ravel(), down.ravel()], 1)).reshape(-1, 2)
    colours = _seen(picture, round_them)
    to_skin, to_cloth = (np.linalg.norm(_hue(colours) - _hue(one), axis=1) for one in (skin, cloth))
    light = colours.sum(1) / skin.sum()
    alike = (to_skin < _LIKE_SKIN) & (to_skin < to_cloth) & (light > 0.4) & (light < 1.3)
    return bool(alike.mean() > _ENOUGH)


def _hue(colours: Floats) -> Floats:
    """Shares of red, green and blue of colours `[..., 3]`."""
    return np.asarray(colours / np.maximum(colours.sum(-1, keepdims=True), 0.05))


def _between(heads: Floats, first: str, last: str) -> Floats:
    """Places `[9, 3]` from one bone's head to another's."""
    return np.linspace(heads[BONES.index(first)], heads[BONES.index(last)], _STEPS)


def _seen(picture: Floats, places: Floats) -> Floats:
    """Colours `[n, 3]` of a picture `[3, h, w]` at pixels."""
    columns, rows = np.clip(places, 0, FRAME_SIZE - 1).astype(int).T
    return np.asarray(picture[:, rows, columns].T)
