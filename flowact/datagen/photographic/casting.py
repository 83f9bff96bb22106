"""Random people as if somebody had photographed them."""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.character import CharacterDesign, random_character
from flowact.datagen.photographic.dress import dress
from flowact.datagen.photographic.exposure import Exposure
from flowact.datagen.photographic.light import Surroundings, light_by
from flowact.datagen.photographic.look import Look, random_look
from flowact.datagen.photographic.sources.cc0 import LICENCE
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.placement import Placement
from flowact.datagen.render import Scene
from flowact.timebase import FRAME_SIZE

_OUTSIDE = 0.8  # of the people are lit by a real place, the others by studio lights


@dataclass(frozen=True)
class Photographed:
    """A person, what they wear of photographs, where they stand, and how pictures of them are taken.

    surroundings: none in front of the character's own background and lights.
    """

    character: CharacterDesign
    look: Look
    surroundings: Surroundings | None
    placement: Placement
    exposure: Exposure

    def stage(self, humanoid: Humanoid, folder: Path) -> Scene:
        """Ready to be rendered with the textures of `folder`."""
        photographs = dress(self.character, self.look, humanoid, library(folder))
        if self.surroundings is None:
            return Scene(Actor(self.character, humanoid, photographs), self.placement)
        lit = light_by(self.surroundings, library(folder), FRAME_SIZE)
        actor = Actor(self.character, humanoid, photographs, lit.lights)
        return Scene(actor, self.placement, lit.background)

    def sources(self) -> list[dict[str, str]]:
        """Every texture and light that is seen, with its licence."""
        place = (self.surroundings.name,) if self.surroundings else ()
        return [{"name": name, "licence": LICENCE} for name in self.look.sources() + place]

    def meta(self) -> dict[str, Any]:
        """What a clip records of every choice."""
        return {
            "look": asdict(self.look),
            "surroundings": asdict(self.surroundings) if self.surroundings else None,
            "placement": asdict(self.placement),
            "exposure": asdict(self.exposure),
        }


@cache
def library(folder: Path) -> Library:
    """The textures of a folder, opened once per process."""
    return Library(folder)


def random_photographed(rng: np.random.Generator, folder: Path) -> Photographed:
    """A random person with textures of `folder`."""
    person, look = random_look(random_character(rng), library(folder), rng)
    surroundings = Surroundings.random(library(folder), rng) if rng.random() < _OUTSIDE else None
    return Photographed(person, look, surroundings, Placement.random(rng), Exposure.random(rng))
