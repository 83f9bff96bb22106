"""Light and backgrounds from HDR pictures of real places.

The brightest part of the surroundings becomes the key light, which casts shadows; the rest is light from all
sides as nine coefficients of spherical harmonics (Ramamoorthi and Hanrahan, "An Efficient Representation for
Irradiance Environment Maps", SIGGRAPH 2001).
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.graphics import layout
from flowact.datagen.photographic.sources.library import Library

Floats = NDArray[np.floating[Any]]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_SUN = np.cos(np.radians(28))  # the key light gathers what is this near to the brightest point
_COSINE = np.array(
    [1, *(2 / 3,) * 3, *(1 / 4,) * 5], np.float32
)  # of a cosine lobe, by band, over pi
_FACING = np.array([0.0, 0.2, 0.98], np.float32)  # a forehead: exposure is measured there
_LEAST = 0.4  # of the key light counts, however it stands to the forehead


@dataclass(frozen=True)
class Surroundings:
    """A place and how it is seen.

    name: in `Library`; azimuth: degrees from the camera to its brightest direction, positive from the
    person's left; exposure: irradiance of a face over pi; view: degrees that the background shows;
    blur: of the background, in shares of the picture.
    """

    name: str
    azimuth: float
    exposure: float
    view: float
    blur: float

    @classmethod
    def random(cls, library: Library, rng: np.random.Generator) -> "Surroundings":
        """Any place; the light mostly comes from the front or the side."""
        names = library.names("light")
        wide = 180.0 if rng.random() < 0.12 else 75.0
        return cls(
            names[rng.integers(len(names))],
            float(rng.uniform(-wide, wide)),
            float(np.exp(rng.normal(0.0, 0.12))),
            float(rng.uniform(40, 80)),
            float(rng.uniform(0.004, 0.03)),
        )


@dataclass(frozen=True)
class Lit:
    """The lights matrix [17, 3] of `graphics.layout`, and the background [size, size, 3] in linear light."""

    lights: Floats
    background: Floats


def light_by(surroundings: Surroundings, library: Library, size: int) -> Lit:
    """Light and background of a place."""
    place = np.minimum(library.environment(surroundings.name), 60.0)
    place = _turned(place, surroundings.azimuth)
    towards, key, rest = split_key(place)
    coefficients = harmonics(rest)
    scale = surroundings.exposure / _exposure(towards, key, coefficients)
    lights = np.zeros((layout.LIGHTS, 3), np.float32)
    lights[layout.KEY], lights[layout.KEY_COLOUR] = _lifted(towards), key * scale
    lights[layout.FILL] = lights[layout.RIM] = _FACING
    lights[layout.HARMONICS :] = coefficients * scale
    return Lit(lights, _seen(place * scale, surroundings, size))


def directions(height: int, width: int) -> Floats:
    """Unit vectors [height, width, 3] of the texels of a picture of all directions; its middle is +Z."""
    elevation = np.pi * (0.5 - (np.arange(height) + 0.5) / height)[:, None]
    azimuth = 2 * np.pi * ((np.arange(width) + 0.5) / width - 0.5)[None]
    up = np.sin(elevation) + 0 * azimuth
    flat = np.cos(elevation)
    return np.stack([flat * np.sin(azimuth), up, flat * np.cos(azimuth)], -1).astype(np.float32)


def _solid_angles(height: int, width: int) -> Floats:
    elevation = np.pi * (0.5 - (np.arange(height) + 0.5) / height)
    return np.asarray(np.cos(elevation) * np.pi / height * 2 * np.pi / width, np.float32)[:, None]


def _brightest(place: Floats) -> tuple[int, int]:
    luma = np.concatenate([place, place, place], 1) @ _LUMA
    smooth = cv2.GaussianBlur(luma, (0, 0), place.shape[0] / 40)
    width = place.shape[1]
    middle = smooth[:, width : 2 * width]
    row, column = np.unravel_index(int(middle.argmax()), middle.shape)
    return int(row), int(column)


def _turned(place: Floats, azimuth: float) -> Floats:
    """The picture rolled so that its brightest direction stands at `azimuth` degrees."""
    width = place.shape[1]
    wanted = round((azimuth / 360 + 0.5) * width - 0.5)
    return np.roll(place, wanted - _brightest(place)[1], axis=1)


def split_key(place: Floats) -> tuple[Floats, Floats, Floats]:
    """The direction [3] and irradiance over pi [3] of the brightest part, and the picture without it."""
    height, width = place.shape[:2]
    toward = directions(height, width)
    row, column = _brightest(place)
    near = toward @ toward[row, column] > _SUN
    plain = np.median(place[near], 0)
    excess = np.where(near[..., None], np.maximum(place - plain, 0), 0)
    weight = excess * _solid_angles(height, width)[..., None]
    key = weight.sum((0, 1)) / np.pi
    mean = ((weight @ _LUMA)[..., None] * toward).sum((0, 1)) + 1e-6 * toward[row, column]
    return mean / np.linalg.norm(mean), key, place - excess


def harmonics(place: Floats) -> Floats:
    """Coefficients [9, 3] of irradiance over pi, for the polynomials of `basis`."""
    height, width = place.shape[:2]
    weighted = place * _solid_angles(height, width)[..., None]
    moments = np.einsum("hwk,hwc->kc", basis(directions(height, width)), weighted)
    return np.asarray(moments * _COSINE[:, None], np.float32)


def basis(direction: Floats) -> Floats:
    """Real spherical harmonics [..., 9] of bands 0 to 2 at unit vectors [..., 3]."""
    x, y, z = np.moveaxis(direction, -1, 0)
    one = np.ones_like(x)
    columns = (
        0.282095 * one, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z,
        0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
    )  # fmt: skip
    return np.stack(columns, -1)


def _exposure(towards: Floats, key: Floats, coefficients: Floats) -> float:
    """Luminance of irradiance over pi on a face, which a key light beside or behind it must not burn."""
    around = basis(_FACING) @ coefficients
    return float((around + key * max(_LEAST, float(_FACING @ towards))) @ _LUMA) + 1e-6


def _lifted(direction: Floats) -> Floats:
    """A key light from straight above leaves the eyes in the dark: at most 60 degrees up."""
    flat = direction * (1, 0, 1)
    flat = flat / max(float(np.linalg.norm(flat)), 1e-6)
    up = np.clip(direction[1], -0.3, np.sin(np.radians(60)))
    return np.asarray(flat * np.sqrt(1 - up**2) + (0, up, 0), np.float32)


def _seen(place: Floats, surroundings: Surroundings, size: int) -> Floats:
    """What stands behind the person, out of focus."""
    reach = np.tan(np.radians(surroundings.view / 2))
    axis = (np.arange(size) + 0.5) / (size / 2) - 1
    x, y = np.meshgrid(axis * reach, axis * reach)
    azimuth, elevation = np.arctan2(x, -np.ones_like(x)), np.arctan2(-y, np.hypot(x, 1))
    height, width = place.shape[:2]
    column = (azimuth / (2 * np.pi) + 0.5) * width - 0.5
    row = (0.5 - elevation / np.pi) * height - 0.5
    padded = np.concatenate([place, place[:, :1]], 1)
    picture = cv2.remap(
        padded, (column % width).astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    soft = cv2.GaussianBlur(np.minimum(picture, 4.0), (0, 0), surroundings.blur * size)
    return np.clip(soft, 0.003, 2.4).astype(np.float32)
