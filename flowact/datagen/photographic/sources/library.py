"""The folder of textures that `download.ensure` fills, read on demand."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.datagen.photographic.sources.download import RECORD
from flowact.datagen.photographic.sources.piece import Piece
from flowact.errors import UserError

Floats = NDArray[np.floating[Any]]


def to_linear(srgb: NDArray[np.uint8]) -> Floats:
    """From sRGB bytes to linear light in [0, 1], float32 of the same shape."""
    return _LINEAR[srgb]


_CODE = np.arange(256) / 255.0
_LINEAR = np.where(_CODE <= 0.04045, _CODE / 12.92, ((_CODE + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)


class Library:
    """Textures and meshes by their names in `cc0`, such as `skins/old_lightskinned_male_diffuse`.

    Raises UserError when the folder is not one that `flowact synth --assets` filled.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / RECORD).is_file():
            raise UserError(f"{folder} holds no textures; `flowact synth --assets` fetches them.")

    def names(self, kind: str) -> tuple[str, ...]:
        """All names of a kind (skins, irises, brows, lashes, teeth, hair, light), sorted."""
        suffix = "npy" if kind == "light" else "png"
        return tuple(f"{kind}/{p.stem}" for p in sorted((self.folder / kind).glob(f"*.{suffix}")))

    @cache  # noqa: B019 - one library per process
    def rgb(self, name: str) -> Floats:
        """Linear colours [h, w, 3]."""
        with Image.open(self.folder / f"{name}.png") as picture:
            return to_linear(np.asarray(picture.convert("RGB")))

    @cache  # noqa: B019
    def alpha(self, name: str) -> Floats:
        """Opacity [h, w] in [0, 1]."""
        with Image.open(self.folder / f"{name}.png") as picture:
            return np.asarray(picture.convert("RGBA"), np.float32)[..., 3] / 255

    @cache  # noqa: B019
    def piece(self, name: str) -> Piece:
        """A mesh and its binding."""
        return Piece.load(self.folder / f"{name}.npz")

    @cache  # noqa: B019
    def environment(self, name: str) -> Floats:
        """Linear radiance [256, 512, 3] of all directions, latitude by longitude."""
        return np.load(self.folder / f"{name}.npy").astype(np.float32)
