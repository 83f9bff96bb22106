"""Pictures in: whatever somebody has, upright and in sRGB."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from flowact.errors import UserError
from flowact.timebase import FRAME_SIZE

MAX_PIXELS: Final = 64_000_000
"""More than most phones take; a small file can claim far more and fill the memory."""
MIN_SIDE: Final = 64
ENOUGH: Final = 4 * FRAME_SIZE
"""Shorter edge in pixels from which the smallest face that is found still fills a frame; more only costs memory."""
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

# Pillow only warns where `_check_size` refuses.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture, turn it upright, and return it as uint8 `[H, W, 3]`, sRGB.

    One whose shorter edge is at least twice `ENOUGH` is reduced by a whole factor.

    Raises:
        UserError: missing, not a picture, damaged, a side under 64 pixels, over 64 million pixels.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no picture {path}.")
    try:
        with Image.open(path, formats=_FORMATS) as image:
            image.draft("RGB", (ENOUGH, ENOUGH))  # JPEG alone can be read at a part of its size
            _check_size(image, path.name)
            upright = _as_rgb(ImageOps.exif_transpose(image))
            return np.asarray(upright.reduce(max(1, min(upright.size) // ENOUGH)))
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


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UserError(_too_large(name))
    if min(image.size) < MIN_SIDE:
        size = f"{image.width}x{image.height}"
        raise UserError(
            f"{name} is too small: {size} pixels, at least {MIN_SIDE} a side are needed."
        )


def _too_large(name: str) -> str:
    return (
        f"{name} is too large: more than {MAX_PIXELS // 10**6} million pixels; "
        f"{ENOUGH} pixels a side are plenty."
    )


def _as_rgb(image: Image.Image) -> Image.Image:
    """Lay transparent pictures on white, bring deep grey to 8 bits, and wide colours into sRGB."""
    if image.mode.startswith(("I", "F")):
        grey = np.asarray(image, dtype=np.float32)
        top = _white(image.mode, float(grey.max(initial=0)))
        return Image.fromarray((grey / top * 255).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return _in_srgb(Image.alpha_composite(white, layer).convert("RGB"), image)
    return _in_srgb(image.convert("RGB"), image)


def _white(mode: str, brightest: float) -> float:
    """The value of white in grey of many bits: floats usually end at 1, whole numbers at 255 or 65535."""
    if mode == "F" and brightest <= 1:
        return 1.0
    return 65535.0 if brightest > 255 else 255.0


def _in_srgb(rgb: Image.Image, source: Image.Image) -> Image.Image:
    """Apply the colour profile of an RGB picture; phones write Display P3 into every photograph."""
    profile = source.info.get("icc_profile")
    if not profile or source.mode not in ("RGB", "RGBA"):
        return rgb
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(rgb, own, srgb, outputMode="RGB") or rgb
    except ImageCms.PyCMSError:  # a broken profile: the colours are what they are
        return rgb
