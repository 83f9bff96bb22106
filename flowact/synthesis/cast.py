"""The eight named characters, and the command that makes their portraits.

    python -m flowact.synthesis.cast

writes `portrait.png` and `character.json` of each under `assets/characters/` and the contact sheet.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from flowact import assets
from flowact.synthesis.background import Background
from flowact.synthesis.body import Identity
from flowact.synthesis.character import Character, Lighting
from flowact.synthesis.clothing import Garment
from flowact.synthesis.hair import HairStyle
from flowact.synthesis.skin import SkinStyle


def _mira() -> Character:
    return Character(
        Identity(0.02, 0.08, -0.25, 0.1, (0.05, 0.25, 0.7), (("head-oval", 0.4), ("mouth-upperlip-volume-incr", 0.3), ("l-eye-scale-incr", 0.2), ("r-eye-scale-incr", 0.2))),
        SkinStyle((0.64, 0.42, 0.31), 0.6, (0.52, 0.19, 0.18), (0.07, 0.035, 0.02), 0.45, 0.5, makeup=0.45, age=0.05, scalp=(0.06, 0.03, 0.018), scalp_cover=0.9),
        HairStyle("bob", (0.055, 0.026, 0.014), (0.15, 0.07, 0.035), 1.1, 0.22, 0.95),
        Garment("scoop", "plain", (0.02, 0.16, 0.18), (0.8, 0.8, 0.8), (0.01, 0.10, 0.12)),
        Background("room", (0.40, 0.36, 0.30), 11),
        Lighting(38, 32, 1.0, 0.38, 0.7, 0.35),
        (0.17, 0.085, 0.03), 100.0, 0.33, 1,
    )  # fmt: skip


def _theo() -> Character:
    return Character(
        Identity(0.97, 0.22, 0.0, 0.35, (0.0, 0.05, 0.95), (("chin-width-incr", 0.2), ("nose-scale-vert-incr", 0.15))),
        SkinStyle((0.66, 0.44, 0.33), 0.45, (0.50, 0.25, 0.22), (0.10, 0.055, 0.03), 0.75, 0.3, 0.55, 0.6, 0.3, age=0.2, scalp=(0.12, 0.065, 0.03), scalp_cover=0.9),
        HairStyle("swept", (0.11, 0.058, 0.028), (0.26, 0.14, 0.065), 1.0),
        Garment("shirt", "plain", (0.10, 0.19, 0.36), (0.8, 0.8, 0.8), (0.06, 0.12, 0.25)),
        Background("studio", (0.30, 0.36, 0.33), 5),
        Lighting(-40, 34, 1.0, 0.35, 0.8, 0.1),
        (0.13, 0.24, 0.38), 99.0, 0.30, 2,
    )  # fmt: skip


def _amara() -> Character:
    return Character(
        Identity(0.03, 0.12, 0.0, 0.15, (0.95, 0.0, 0.05), (("mouth-lowerlip-volume-incr", 0.2), ("head-oval", 0.3))),
        SkinStyle((0.28, 0.145, 0.085), 0.35, (0.34, 0.085, 0.085), (0.025, 0.016, 0.012), 0.5, 0.55, makeup=0.5, age=0.05, scalp=(0.02, 0.014, 0.011), scalp_cover=0.9),
        HairStyle("afro", (0.022, 0.015, 0.011), (0.06, 0.036, 0.022), 0.85),
        Garment("v_neck", "plain", (0.80, 0.42, 0.03), (0.8, 0.8, 0.8), (0.5, 0.26, 0.02)),
        Background("studio", (0.16, 0.33, 0.33), 8),
        Lighting(36, 30, 1.12, 0.45, 0.9, 0.2),
        (0.09, 0.04, 0.017), 97.0, 0.35, 3,
    )  # fmt: skip


def _kenji() -> Character:
    return Character(
        Identity(0.95, 0.1, -0.2, 0.2, (0.0, 1.0, 0.0), (("head-oval", 0.2), ("nose-scale-horiz-decr", 0.2))),
        SkinStyle((0.64, 0.45, 0.32), 0.35, (0.52, 0.26, 0.22), (0.018, 0.014, 0.012), 0.6, 0.3, age=0.05, scalp=(0.02, 0.016, 0.014), scalp_cover=0.9),
        HairStyle("fringe", (0.016, 0.013, 0.012), (0.05, 0.042, 0.04), 0.9),
        Garment("blazer", "plain", (0.06, 0.07, 0.10), (0.1, 0.1, 0.12), (0.03, 0.035, 0.05), (0.82, 0.82, 0.84)),
        Background("room", (0.42, 0.42, 0.46), 23),
        Lighting(-34, 36, 1.0, 0.4, 0.6, 0.0),
        (0.08, 0.04, 0.02), 100.0, 0.30, 4,
    )  # fmt: skip


def _ingrid() -> Character:
    return Character(
        Identity(0.04, 0.72, 0.05, 0.1, (0.0, 0.0, 1.0), (("head-round", 0.2), ("l-cheek-volume-incr", 0.2), ("r-cheek-volume-incr", 0.2))),
        SkinStyle((0.70, 0.49, 0.40), 0.6, (0.54, 0.24, 0.24), (0.30, 0.28, 0.26), 0.35, 0.5, makeup=0.25, age=0.75, scalp=(0.60, 0.58, 0.55), scalp_cover=0.8),
        HairStyle("bun", (0.62, 0.60, 0.57), (0.82, 0.80, 0.77), 1.1),
        Garment("turtleneck", "plain", (0.26, 0.10, 0.34), (0.8, 0.8, 0.8), (0.16, 0.06, 0.22)),
        Background("studio", (0.48, 0.42, 0.34), 2),
        Lighting(42, 33, 0.95, 0.4, 0.6, 0.3),
        (0.14, 0.24, 0.36), 100.0, 0.35, 5,
    )  # fmt: skip


def _omar() -> Character:
    return Character(
        Identity(1.0, 0.3, 0.15, 0.45, (0.35, 0.0, 0.65), (("nose-hump-incr", 0.2), ("chin-bones-incr", 0.2))),
        SkinStyle((0.44, 0.265, 0.17), 0.35, (0.40, 0.18, 0.15), (0.022, 0.015, 0.011), 0.95, 0.35, 0.85, 0.85, 0.2, age=0.3, scalp=(0.05, 0.035, 0.028), scalp_cover=0.25),
        HairStyle("bald"),
        Garment("crew", "plain", (0.05, 0.24, 0.15), (0.8, 0.8, 0.8), (0.03, 0.16, 0.10)),
        Background("room", (0.36, 0.30, 0.27), 31),
        Lighting(-38, 36, 1.05, 0.4, 0.8, 0.3),
        (0.11, 0.05, 0.02), 98.0, 0.32, 6,
    )  # fmt: skip


def _sofia() -> Character:
    return Character(
        Identity(0.0, 0.05, -0.1, 0.1, (0.0, 0.1, 0.9), (("nose-point-up", 0.25), ("l-eye-scale-incr", 0.25), ("r-eye-scale-incr", 0.25))),
        SkinStyle((0.74, 0.51, 0.41), 0.7, (0.56, 0.25, 0.22), (0.22, 0.07, 0.025), 0.35, 0.45, freckles=0.7, makeup=0.15, age=0.0, scalp=(0.30, 0.09, 0.03), scalp_cover=0.85),
        HairStyle("long", (0.30, 0.085, 0.025), (0.50, 0.17, 0.055), 1.1, -0.2, 1.7),
        Garment("crew", "stripes", (0.82, 0.82, 0.80), (0.06, 0.16, 0.34), (0.05, 0.12, 0.28), scale=2.1),
        Background("studio", (0.26, 0.40, 0.46), 14),
        Lighting(32, 34, 1.0, 0.4, 0.7, 0.2),
        (0.10, 0.26, 0.16), 100.0, 0.35, 7,
    )  # fmt: skip


def _walter() -> Character:
    return Character(
        Identity(0.98, 0.78, 0.25, 0.2, (0.0, 0.0, 1.0), (("nose-volume-incr", 0.25), ("l-ear-scale-incr", 0.2), ("r-ear-scale-incr", 0.2))),
        SkinStyle((0.66, 0.44, 0.35), 0.65, (0.50, 0.26, 0.23), (0.42, 0.41, 0.40), 0.8, 0.3, 0.0, 0.9, 0.15, age=0.8, scalp=(0.45, 0.44, 0.43), scalp_cover=0.7),
        HairStyle("side_part", (0.42, 0.41, 0.40), (0.68, 0.67, 0.66), 0.8, 0.3),
        Garment("blazer", "plain", (0.22, 0.07, 0.05), (0.1, 0.1, 0.12), (0.12, 0.04, 0.03), (0.70, 0.74, 0.80)),
        Background("room", (0.33, 0.38, 0.36), 47),
        Lighting(-36, 32, 0.95, 0.42, 0.6, 0.25),
        (0.16, 0.24, 0.30), 99.0, 0.33, 8,
    )  # fmt: skip


_MAKERS: dict[str, Callable[[], Character]] = {
    "mira": _mira, "theo": _theo, "amara": _amara, "kenji": _kenji,
    "ingrid": _ingrid, "omar": _omar, "sofia": _sofia, "walter": _walter,
}  # fmt: skip
_TITLES = {
    "mira": "Mira", "theo": "Theo", "amara": "Amara", "kenji": "Kenji",
    "ingrid": "Ingrid", "omar": "Omar", "sofia": "Sofia", "walter": "Walter",
}  # fmt: skip


@cache
def named_characters() -> dict[str, Character]:
    """The eight characters that ship with FlowAct, by name."""
    return {name: make() for name, make in _MAKERS.items()}


def write_portraits(folder: Path) -> Path:
    """Render all portraits into `folder`; returns the path of the contact sheet."""
    from flowact.synthesis.actor import Actor
    from flowact.synthesis.body import Humanoid
    from flowact.synthesis.performance import rest_performance
    from flowact.synthesis.render import Stage

    pictures = []
    for name, character in named_characters().items():
        stage = Stage(Actor(character, Humanoid.load()))
        picture = stage.render(*rest_performance(character.smile)).picture
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(home / "portrait.png", optimize=True)
        (home / "character.json").write_text(json.dumps({"name": name, "title": _TITLES[name]}, indent=2) + "\n")
        pictures.append(picture)
    sheet = folder / "contact_sheet.jpg"
    rows = [np.concatenate(pictures[i : i + 4], 1) for i in (0, 4)]
    Image.fromarray(np.concatenate(rows, 0)).save(sheet, quality=88)
    return sheet


if __name__ == "__main__":
    print(write_portraits(assets.folder() / "characters"))
