"""Where the weights, characters and samples that come with FlowAct are."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flowact.errors import UserError

CHECKPOINT_INDEX: Final = "model_index.json"
"""File that makes a folder a checkpoint, in the layout of diffusers."""
DEFAULT: Final = "elena"
"""The character that is shown where nobody is named."""


def folder() -> Path:
    """Return the folder of assets: `$FLOWACT_ASSETS`, `assets/` of a checkout, or what the wheel brought."""
    named = os.environ.get("FLOWACT_ASSETS")
    if named:
        return Path(named)
    package = Path(__file__).resolve().parent
    checkout = package.parent / "assets"
    return checkout if checkout.is_dir() else package / "bundled"


def checkpoint() -> Path:
    """Return the folder of the default weights."""
    return folder() / "checkpoint"


@dataclass(frozen=True)
class Character:
    """One of the people that the default weights know.

    Attributes:
        name: how commands call the person.
        portrait: picture in which the person idles, 480x480.
        card: `character.json` with what there is to know about the person.
    """

    name: str
    portrait: Path
    card: Path


def character_names() -> list[str]:
    """Return the names of all characters, photographs before drawn people, each kind sorted."""
    names = (portrait.parent.name for portrait in folder().glob("characters/*/portrait.png"))
    return sorted(names, key=lambda name: (not _is_photograph(name), name))


def drawn_character_names() -> list[str]:
    """Return the names of those that the renderer draws, whose exact motion can be rendered too; sorted."""
    return [name for name in character_names() if not _is_photograph(name)]


def _is_photograph(name: str) -> bool:
    """Whether a character's card says which photograph it is."""
    card = folder() / "characters" / name / "character.json"
    return card.is_file() and "photograph" in json.loads(card.read_bytes())


def character(name: str) -> Character:
    """Look a character up.

    Raises:
        UserError: there is none of that name; the message names those that there are.
    """
    known = character_names()
    if name not in known:
        people = f"known are {', '.join(known)}" if known else f"none are in {folder()}"
        raise UserError(f"There is no character {name!r}; {people}.")
    home = folder() / "characters" / name
    return Character(name, home / "portrait.png", home / "character.json")


def default_character() -> Character:
    """Return the person that commands show when nobody is named.

    Raises:
        UserError: there are no characters at all.
    """
    names = character_names()
    return character(DEFAULT if DEFAULT in names or not names else names[0])


def sample_speech() -> Path:
    """Return the recording that the demonstration speaks."""
    return folder() / "speech" / "welcome.wav"
