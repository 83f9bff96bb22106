"""A folder of tiny textures with the names that `flowact synth --assets` would give them."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.photographic.sources import cc0
from flowact.datagen.photographic.sources.download import RECORD
from flowact.datagen.photographic.sources.piece import Piece

SKIN = {"light": (205, 160, 135), "dark": (90, 60, 45)}
LASH_PART, TOOTH_PART = "lashes", "teeth_upper"


def fill(folder: Path) -> Path:
    """Write skins, irises, lights and pieces that follow parts of the humanoid."""
    for name in cc0.SKINS:
        _plain(folder / f"{name}.png", SKIN["dark" if "dark" in name else "light"], 64)
    for name in cc0.IRISES:
        _plain(folder / f"{name}.png", (60, 90, 140), 512)
    for name in cc0.ENVIRONMENTS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", np.full((16, 32, 3), 0.6, np.float16))
    for name in cc0.pieces():
        _plain(folder / f"{name}.png", (40, 30, 20), 32)
        _piece(name).save(folder / f"{name}.npz")
    (folder / RECORD).write_text(json.dumps({}))
    return folder


def _plain(path: Path, colour: tuple[int, int, int], size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", (size, size), (*colour, 255)).save(path)


def _piece(name: str) -> Piece:
    """A copy of a part of the body, or for brows a patch of the forehead."""
    humanoid = Humanoid.load()
    kind = name.split("/")[0]
    if kind == "brows":
        corners = humanoid.template[humanoid.triangles]
        near = (np.abs(corners - (0.3, 7.5, 1.4)).max(-1) < 0.2).all(1)
        return copy_of(humanoid, near & humanoid.part_mask("body"))
    part = {"lashes": LASH_PART, "teeth": TOOTH_PART}.get(kind, "tongue")
    return copy_of(humanoid, humanoid.part_mask(part))


def copy_of(humanoid: Humanoid, mask: np.ndarray) -> Piece:
    """The triangles of a mask as a piece of their own, one texel for all."""
    used, local = np.unique(humanoid.triangles[mask], return_inverse=True)
    count = len(used)
    weights = np.tile(np.array([1, 0, 0], np.float32), (count, 1))
    faces = local.reshape(-1, 3).astype(np.int32)
    return Piece(
        humanoid.template[used],
        np.repeat(used[:, None], 3, 1).astype(np.int32),
        weights,
        np.zeros((count, 3), np.float32),
        faces,
        np.full((len(faces), 3, 2), 0.5, np.float32),
    )
