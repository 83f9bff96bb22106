"""Which photographs a person wears: drawn at random, so that they suit age and sex."""

from dataclasses import dataclass, replace

import numpy as np

from flowact.datagen.appearance.body import Identity
from flowact.datagen.appearance.character import (
    HAIR_COLOURS,
    RGB,
    SKIN_TONES,
    CharacterDesign,
    vary,
)
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.photographic.worn.glasses import Glasses
from flowact.datagen.photographic.worn.hat import Hat

SHORT = {"short01": 3, "short02": 3, "short04": 3, "short03": 1, "afro01": 1}
LONG = {"long01": 4, "ponytail01": 4, "afro01": 1, "bob01": 1, "bob02": 1, "Braid01": 1}
"""Styles and how often they come: those that hide an eye come seldom."""
AGES = ("young", "middleage", "old")
_DARK = 0.16  # mean linear albedo below which a tone starts from dark photographs

_GLASSES, _HATS = 0.22, 0.10  # of the people wear them
_EXPOSED = 0.85  # photographs are given these shares of the painter's tones: they have highlights of their own


@dataclass(frozen=True)
class Look:
    """Names in `Library` and how they are mixed.

    skins: two, of which the second counts `share`; tone: mean linear albedo of the face; iris_gain:
    factor on the iris' colours; iris_size: radius over that of the photograph; white: brightness of
    the teeth; brow_weight: opacity of the brows; hair: cards, or none for the character's own hair;
    beard: length in dm of the tufts, where the skin's style has a beard; 0 for a painted one.
    """

    skins: tuple[str, str]
    share: float
    tone: RGB
    brows: str
    brow_weight: float
    lashes: str
    iris: str
    iris_gain: RGB
    iris_size: float
    teeth: str
    white: float
    hair: str | None = None
    beard: float = 0.0
    glasses: Glasses | None = None
    hat: Hat | None = None

    def sources(self) -> tuple[str, ...]:
        """Names of everything that is seen."""
        worn = {
            *self.skins,
            self.brows,
            self.lashes,
            self.iris,
            self.teeth,
            self.hair or self.brows,
        }
        return tuple(sorted(worn))


def random_look(
    character: CharacterDesign, library: Library, rng: np.random.Generator
) -> tuple[CharacterDesign, Look]:
    """Photographs for a random person, and that person with a wider range of ages and tones."""
    person = _wider(character, rng)
    tone = person.skin.tone
    look = Look(
        _skins(person.identity, tone, library, rng),
        float(rng.uniform(0.0, 0.5)),
        tone,
        _pick(library.names("brows"), rng),
        float(rng.uniform(0.7, 1.0)),
        _pick(library.names("lashes"), rng),
        _pick(library.names("irises"), rng),
        _iris_gain(float(np.mean(tone)), rng),
        float(rng.uniform(0.92, 1.06)),
        _pick(library.names("teeth"), rng),
        float(rng.uniform(0.75, 1.05)),
        _hair(person, rng),
        float(rng.uniform(0.05, 0.30)) if person.skin.beard + person.skin.moustache > 0 else 0.0,
        Glasses.random(rng) if rng.random() < _GLASSES else None,
        Hat.random(rng) if rng.random() < _HATS else None,
    )
    if look.hair is None and look.hat is None:
        return person, look
    return replace(person, hair=replace(person.hair, kind="bald")), look


def _pick(names: tuple[str, ...], rng: np.random.Generator) -> str:
    return names[rng.integers(len(names))]


def _wider(character: CharacterDesign, rng: np.random.Generator) -> CharacterDesign:
    """The same person of any age, with any tone between the known ones, and hair that may be grey."""
    age = float(np.clip(rng.uniform(-0.1, 0.95), 0, 0.95))
    first, second = (np.asarray(SKIN_TONES[i]) for i in rng.integers(len(SKIN_TONES), size=2))
    tone = vary(tuple(_EXPOSED * (first + rng.random() * (second - first))), 0.15, rng)
    hair = character.hair
    if np.mean(tone) < _DARK:
        hair = replace(hair, root=vary(HAIR_COLOURS[rng.integers(3)], 0.2, rng))
        hair = replace(hair, tip=vary(hair.root, 0.3, rng))
    if age > 0.55 and rng.random() < 0.6:
        grey = vary(HAIR_COLOURS[rng.integers(7, 9)], 0.2, rng)
        hair = replace(hair, root=grey, tip=vary(grey, 0.2, rng))
    brows = vary(tuple(0.7 * np.asarray(hair.root)), 0.3, rng)
    makeup = character.skin.makeup * float(rng.random() < 0.6)
    skin = replace(character.skin, tone=tone, age=age, brows=brows, scalp=hair.root, makeup=makeup)
    identity = replace(character.identity, age=age)
    return replace(character, identity=identity, skin=skin, hair=hair)


def _skins(
    identity: Identity, tone: RGB, library: Library, rng: np.random.Generator
) -> tuple[str, str]:
    """Two skins of the same sex and group of tones, of the nearest age and one beside it."""
    sex = "male" if identity.gender > 0.5 else "female"
    group = "dark" if np.mean(tone) < _DARK else "light"
    nearest = min(int(identity.age * 3), 2)
    beside = int(np.clip(nearest + rng.integers(-1, 2), 0, 2))
    first, second = (
        tuple(
            n
            for n in library.names("skins")
            if n.startswith(f"skins/{AGES[age]}_{group}skinned_{sex}_")
        )
        for age in (nearest, beside)
    )
    return _pick(first, rng), _pick(second, rng)


def _hair(person: CharacterDesign, rng: np.random.Generator) -> str | None:
    """Cards of hair for most of those who are not bald."""
    if person.hair.kind == "bald" or rng.random() < 0.15:
        return None
    styles = SHORT if person.identity.gender > 0.5 and rng.random() < 0.85 else LONG
    weights = np.array(list(styles.values()), float)
    return f"hair/{rng.choice(list(styles), p=weights / weights.sum())}"


def _iris_gain(lightness: float, rng: np.random.Generator) -> RGB:
    """Most people's eyes are brown; those of dark people nearly always."""
    if rng.random() < (0.9 if lightness < 0.3 else 0.45):
        brown = np.array([0.62, 0.36, 0.20]) * rng.uniform(0.6, 1.0)
        return vary(tuple(brown), 0.2, rng)
    return vary((0.8, 0.8, 0.8), 0.2, rng)
