"""Photographs to judge and to be judged by: people who do not exist, from the Python package openpeople.

They were made with Gemini and are MIT-licensed; nothing here is trained on them. P003 is left out: she looks
like somebody who is known.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from flowact.errors import UserError
from flowact.evaluation.judges.landmarks.pinned import PEOPLE, fetch

Frame = NDArray[np.uint8]

LEFT_OUT: Final = frozenset({"P003"})
EDGE: Final = 800
"""Longer edge in pixels at which the judges look at a photograph."""
CELLS: Final = 4
"""Rows and columns of a sheet of expressions."""
SELFIES: Final = ("P001", "P002", "P004", "P005", "P007", "P009")
"""Who smiles with teeth, into a camera held at an arm's length, some from aside."""
FAR: Final = ("P001", "P004", "P006", "P008")
"""Who stand outdoors, small, turned a little or with shade on their faces."""
CLOSE: Final = ("P006", "P010")
"""Whose faces fill the picture."""
CLOSE_UP: Final = (0.32, 0.12, 0.68, 0.57)
"""Left, top, right and bottom of it, as shares of the portrait."""
_ENDINGS: Final = frozenset({".png", ".jpg", ".jpeg", ".webp"})


@dataclass(frozen=True)
class PersonPhotos:
    """One person of the set: the files of a portrait, a selfie and a sheet of 16 expressions."""

    name: str
    portrait: Path
    selfie: Path
    sheet: Path

    def expressions(self) -> list[Frame]:
        """The sheet's 16 pictures, uint8 `[448, 600, 3]`, row by row."""
        pixels = np.asarray(Image.open(self.sheet).convert("RGB"))
        rows = np.array_split(pixels, CELLS, 0)
        return [cell for row in rows for cell in np.array_split(row, CELLS, 1)]

    def all_pictures(self) -> list[Frame]:
        """Portrait, selfie and expressions, uint8 `[height, width, 3]` each."""
        return [reduced(self.portrait), reduced(self.selfie), *self.expressions()]


def people(cache: Path) -> list[PersonPhotos]:
    """The people of the set, by name; downloaded into `cache` unless they are there.

    Raises UserError when the download fails.
    """
    home = fetch(PEOPLE, cache)
    folders = (p for p in sorted(home.iterdir()) if p.name not in LEFT_OUT)
    return [_person(folder.name, folder / "assets") for folder in folders]


def harder(cache: Path) -> dict[str, Path]:
    """Twelve pictures of the set as people bring them: selfies, figures outdoors and close-ups, by name.

    Raises UserError when the download fails.
    """
    home = fetch(PEOPLE, cache)
    pictures = {f"selfie {name}": home / name / "assets/amateur_selfie.jpg" for name in SELFIES}
    pictures |= {f"far {name}": home / name / "assets/amateur_posture.jpg" for name in FAR}
    return pictures | {f"close {name}": _close_up(home / name / "assets") for name in CLOSE}


def _close_up(files: Path) -> Path:
    """The middle of a portrait as a file of its own, made once."""
    made = files / "close_up.png"
    if not made.exists():
        with Image.open(files / "studio_portrait.jpg") as image:
            across, down = image.size
            left, top, right, bottom = CLOSE_UP
            box = (left * across, top * down, right * across, bottom * down)
            image.convert("RGB").crop(box).save(made)
    return made


def _person(name: str, files: Path) -> PersonPhotos:
    names = ("studio_portrait", "amateur_selfie", "emotions_sheet")
    return PersonPhotos(name, *(files / f"{file}.jpg" for file in names))


def portraits_in(folder: Path) -> dict[str, Path]:
    """Pictures of a folder by the name of their file. Raises UserError when there is none."""
    found = {p.stem: p for p in sorted(folder.glob("*")) if p.suffix.lower() in _ENDINGS}
    if not found:
        raise UserError(f"There are no pictures in {folder}.")
    return found


def reduced(path: Path) -> Frame:
    """A picture as the judges look at it: upright, RGB, its longer edge at most 800 pixels."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((EDGE, EDGE), Image.Resampling.BOX)
    return np.asarray(upright)
