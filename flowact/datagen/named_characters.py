"""The drawn characters that ship with FlowAct, and the command that makes their portraits.

    python -m flowact.datagen.named_characters

A character is data: `assets/characters/<name>/character.json` says how the person looks. The command renders
`portrait.png` beside it and a contact sheet of all of them.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flowact import assets
from flowact.datagen.appearance.body import Identity
from flowact.datagen.appearance.character import CharacterDesign, Lighting
from flowact.datagen.appearance.clothing import Garment
from flowact.datagen.appearance.hair import HairStyle
from flowact.datagen.appearance.skin import SkinStyle
from flowact.datagen.graphics.background import Background

_PARTS = {
    "identity": Identity,
    "skin": SkinStyle,
    "hair": HairStyle,
    "garment": Garment,
    "background": Background,
    "lighting": Lighting,
}


@cache
def named_characters() -> dict[str, CharacterDesign]:
    """The drawn characters of the assets, by name."""
    people = map(assets.character, assets.drawn_character_names())
    return {p.name: read_look(json.loads(p.card.read_bytes())["look"]) for p in people}


def read_look(look: dict[str, Any]) -> CharacterDesign:
    """A character from the JSON form of its dataclasses. Raises TypeError for an unknown field."""
    parts = {name: part(**_tuples(look[name])) for name, part in _PARTS.items()}
    rest = {name: value for name, value in _tuples(look).items() if name not in _PARTS}
    return CharacterDesign(**parts, **rest)


def _tuples(value: Any) -> Any:
    """JSON lists as the tuples that frozen dataclasses hold."""
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def write_portraits(folder: Path) -> Path:
    """Render all portraits into `folder`; returns the path of the contact sheet."""
    from flowact.datagen.appearance.actor import Actor
    from flowact.datagen.appearance.body import Humanoid
    from flowact.datagen.performance.performance import rest_performance
    from flowact.datagen.render import Scene

    pictures = []
    for name, character in named_characters().items():
        stage = Scene(Actor(character, Humanoid.load()))
        picture = stage.render(*rest_performance(character.smile)).picture
        Image.fromarray(picture).save(folder / name / "portrait.png", optimize=True)
        pictures.append(picture)
    sheet = folder / "contact_sheet.jpg"
    half = (len(pictures) + 1) // 2
    rows = [np.concatenate(pictures[i : i + half], 1) for i in (0, half)]
    Image.fromarray(np.concatenate(rows, 0)).save(sheet, quality=88)
    return sheet


if __name__ == "__main__":
    print(write_portraits(assets.folder() / "characters"))
