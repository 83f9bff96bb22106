"""Reference pictures: from whatever somebody has to the square that the model looks at."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from flowact import assets
from flowact.errors import UserError
from flowact.media.framing import find_face, framed
from flowact.timebase import FRAME_SIZE

MAX_PIXELS: Final = 64_000_000
"""More than any phone takes; a small file can claim far more and fill the memory."""
MIN_SIDE: Final = 64
ENOUGH: Final = 4 * FRAME_SIZE
"""Shorter edge in pixels from which the smallest face that is found still fills a frame; more only costs memory."""
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

# Pillow only warns where `_check_size` refuses.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Reference:
    """A picture as the model looks at it: `pixels` uint8 `[480, 480, 3]`, RGB, and whether it was cut round a face.

    `faceless` is true where a face was looked for in vain, so that the central square was taken.
    """

    pixels: NDArray[np.uint8]
    faceless: bool


def load_reference(path: str | Path) -> NDArray[np.uint8]:
    """Pixels of `read_reference`, uint8 `[480, 480, 3]`."""
    return read_reference(path).pixels


def read_reference(path: str | Path) -> Reference:
    """Read a picture, turn it upright, and cut and scale it so that the face sits as in our portraits.

    One of 480x480 pixels is already as it should be and is taken as it is.

    Raises:
        UserError: missing, not a picture, damaged, a side under 64 pixels, over 64 million pixels.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no picture {path}.")
    try:
        with Image.open(path, formats=_FORMATS) as image:
            _check_size(image, path.name)
            return _reference(image)
    except UnidentifiedImageError as error:
        raise UserError(
            f"{path.name} is not a picture that can be read; PNG and JPEG can."
        ) from error
    except Image.DecompressionBombError as error:
        raise UserError(_too_large(path.name)) from error
    except PermissionError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{path.name} is damaged and cannot be read as a picture.") from error


def named_portraits() -> list[NDArray[np.uint8]]:
    """Reference pictures of the characters that come with the repository, in the order of their names."""
    characters = map(assets.character, assets.character_names())
    return [load_reference(character.portrait) for character in characters]


def _reference(image: Image.Image) -> Reference:
    upright = _as_rgb(ImageOps.exif_transpose(image))
    if upright.size == (FRAME_SIZE, FRAME_SIZE):
        return Reference(np.asarray(upright), faceless=False)
    upright = upright.reduce(max(1, min(upright.size) // ENOUGH))
    face = find_face(np.asarray(upright))
    return Reference(np.asarray(framed(upright, face)), faceless=face is None)


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UserError(_too_large(name))
    if min(image.size) < MIN_SIDE:
        size = f"{image.width}x{image.height}"
        raise UserError(
            f"{name} is too small: {size} pixels, at least {MIN_SIDE} a side are needed."
        )


def _too_large(name: str) -> str:
    return f"{name} is too large: more than {MAX_PIXELS // 10**6} million pixels."


def _as_rgb(image: Image.Image) -> Image.Image:
    """Lay transparent pictures on white and bring 16-bit grey to 8 bits."""
    if image.mode.startswith(("I", "F")):
        grey = np.asarray(image, dtype=np.float32)
        top = 65535.0 if grey.max(initial=0) > 255 else 255.0
        return Image.fromarray((grey / top * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")
