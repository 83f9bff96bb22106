"""A character: everything that decides how a person looks, and random people for training."""

import colorsys
from dataclasses import dataclass, field

import numpy as np

from flowact.datagen.appearance.body import Identity, random_identity
from flowact.datagen.appearance.clothing import GARMENT_KINDS, PATTERNS, Garment
from flowact.datagen.appearance.hair import HAIR_KINDS, HairStyle
from flowact.datagen.appearance.skin import SkinStyle
from flowact.datagen.graphics.background import Background

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Lighting:
    """Angles in degrees (azimuth: positive from the person's left; elevation), warmth in [-1, 1]."""

    azimuth: float = 35.0
    elevation: float = 35.0
    key: float = 1.0
    fill: float = 0.35
    rim: float = 0.6
    warmth: float = 0.2


@dataclass(frozen=True)
class CharacterDesign:
    """One person in one place; `seed` fixes fine texture and strands. iris: linear RGB."""

    identity: Identity
    skin: SkinStyle = field(default_factory=SkinStyle)
    hair: HairStyle = field(default_factory=HairStyle)
    garment: Garment = field(default_factory=Garment)
    background: Background = field(default_factory=Background)
    lighting: Lighting = field(default_factory=Lighting)
    iris: RGB = (0.20, 0.11, 0.05)
    scale: float = 100.0
    smile: float = 0.3
    seed: int = 0


SKIN_TONES: tuple[RGB, ...] = (
    (0.72, 0.50, 0.40), (0.68, 0.45, 0.34), (0.62, 0.40, 0.29), (0.55, 0.34, 0.23), (0.47, 0.28, 0.18),
    (0.36, 0.20, 0.125), (0.26, 0.14, 0.085), (0.18, 0.095, 0.06), (0.64, 0.43, 0.30), (0.58, 0.37, 0.25),
)  # fmt: skip
HAIR_COLOURS: tuple[RGB, ...] = (
    (0.018, 0.014, 0.012), (0.035, 0.022, 0.014), (0.075, 0.042, 0.022), (0.15, 0.08, 0.038),
    (0.28, 0.16, 0.07), (0.50, 0.34, 0.16), (0.30, 0.085, 0.025), (0.42, 0.42, 0.42), (0.65, 0.64, 0.62),
)  # fmt: skip
IRIS_COLOURS: tuple[RGB, ...] = (
    (0.16, 0.07, 0.025), (0.10, 0.045, 0.018), (0.22, 0.13, 0.05), (0.14, 0.20, 0.08),
    (0.12, 0.24, 0.42), (0.22, 0.30, 0.36), (0.10, 0.28, 0.22),
)  # fmt: skip


def lights_of(lighting: Lighting) -> np.ndarray:
    """The lights matrix [8, 3] of `graphics.layout`."""
    warm = np.array([1 + 0.10 * lighting.warmth, 1.0, 1 - 0.14 * lighting.warmth], np.float32)
    cool = np.array([1 - 0.06 * lighting.warmth, 1.0, 1 + 0.10 * lighting.warmth], np.float32)
    rows = (
        _direction(lighting.azimuth, lighting.elevation),
        1.18 * lighting.key * warm,
        _direction(-lighting.azimuth - 15, 8),
        lighting.fill * cool,
        _direction(-np.sign(lighting.azimuth) * 140, 30),
        lighting.rim * cool,
        np.array([0.26, 0.275, 0.30], np.float32),
        np.array([0.15, 0.125, 0.11], np.float32),
    )
    return np.stack(rows).astype(np.float32)


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], np.float32)


def random_character(rng: np.random.Generator) -> CharacterDesign:
    """A random person for training."""
    identity = random_identity(rng)
    tone = vary(SKIN_TONES[rng.integers(len(SKIN_TONES))], 0.06, rng)
    dark = float(np.mean(tone)) < 0.25
    colours = HAIR_COLOURS[:4] if dark else HAIR_COLOURS
    hair = vary(colours[rng.integers(len(colours))], 0.15, rng)
    kind = HAIR_KINDS[rng.integers(len(HAIR_KINDS))]
    return CharacterDesign(
        identity,
        _random_skin(tone, hair, kind != "bald", identity, rng),
        HairStyle(
            kind,
            hair,
            tuple(1.7 * c for c in hair),  # type: ignore[arg-type]
            rng.uniform(0.75, 1.3),
            rng.choice([-1, 1]) * rng.uniform(0.05, 0.35),
            rng.uniform(0.75, 1.15) if kind == "bob" else rng.uniform(1.3, 2.3),
        ),
        _random_garment(rng),
        Background(
            "room" if rng.random() < 0.5 else "studio", _colour(rng, 0.1, 0.5, 0.55), int(rng.integers(1 << 31))
        ),
        Lighting(
            rng.choice([-1, 1]) * rng.uniform(10, 60), rng.uniform(15, 50), rng.uniform(0.8, 1.15),
            rng.uniform(0.2, 0.5), rng.uniform(0.2, 1.0), rng.uniform(-0.5, 1.0),
        ),
        vary(IRIS_COLOURS[rng.integers(2 if dark else len(IRIS_COLOURS))], 0.15, rng),
        rng.uniform(94, 104),
        rng.uniform(0.2, 0.4),
        int(rng.integers(1 << 31)),
    )  # fmt: skip


def _random_skin(
    tone: RGB, hair: RGB, scalp: bool, identity: Identity, rng: np.random.Generator
) -> SkinStyle:
    masculine = identity.gender > 0.5
    bearded = masculine and rng.random() < 0.45
    lip = np.asarray(tone) * rng.uniform(0.62, 0.95) * np.array([1.12, 0.60, 0.62])
    makeup = 0.0 if masculine else float(rng.choice([0.0, rng.uniform(0.2, 0.9)]))
    if makeup > 0.3:
        lip = np.array([rng.uniform(0.35, 0.55), rng.uniform(0.05, 0.16), rng.uniform(0.07, 0.18)])
    brow = np.minimum(np.asarray(hair) * 0.8, 0.30)
    return SkinStyle(
        tone, rng.uniform(0.2, 0.8), _rgb(lip), _rgb(brow),
        rng.uniform(0.2, 1.0) if masculine else rng.uniform(0.1, 0.7),
        rng.uniform(0.1, 0.9), rng.uniform(0.4, 1.0) * (bearded and rng.random() < 0.6),
        rng.uniform(0.4, 1.0) * bearded,
        rng.uniform(0.0, 0.5) if masculine else 0.0, rng.uniform(0.3, 1.0) * (rng.random() < 0.2),
        float(np.clip(identity.age, 0, 1)), makeup, hair, 0.9 if scalp else rng.uniform(0.0, 0.35),
    )  # fmt: skip


def _random_garment(rng: np.random.Generator) -> Garment:
    main = _colour(rng, 0.02, 0.75, 0.8)
    return Garment(
        GARMENT_KINDS[rng.integers(len(GARMENT_KINDS))],
        PATTERNS[rng.choice(3, p=[0.66, 0.2, 0.14])],
        main,
        _colour(rng, 0.05, 0.85, 0.7),
        _rgb(np.asarray(main) * rng.uniform(0.4, 0.8)),
        _colour(rng, 0.2, 0.9, 0.4),
        rng.uniform(1.2, 3.5),
        bool(rng.random() < 0.3),
    )


def _colour(rng: np.random.Generator, low: float, high: float, saturation: float) -> RGB:
    """A random linear colour whose brightest channel lies in [low, high]."""
    return _rgb(
        np.array(
            colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, saturation), rng.uniform(low, high))
        )
    )


def vary(colour: RGB, amount: float, rng: np.random.Generator) -> RGB:
    """A colour near another: up to the share `amount` lighter or darker, a third of that in hue."""
    return _rgb(
        np.asarray(colour)
        * rng.uniform(1 - amount, 1 + amount)
        * rng.uniform(1 - amount / 3, 1 + amount / 3, 3)
    )


def _rgb(values: np.ndarray) -> RGB:
    r, g, b = np.clip(values, 0.002, 0.95)
    return float(r), float(g), float(b)
