"""Pictures as a viewer would show them: upright, in sRGB, on white where they are transparent."""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from mediafiles.colours import Coding, coding, in_srgb
from mediafiles.errors import MediaError, printable

try:
    import pi_heif
except ImportError:  # the extra `heic`; without it such a picture is refused in words
    pi_heif = None

_log = logging.getLogger(__name__)

MAX_PIXELS: Final = 64_000_000
"""More than most phones take; a small file can claim far more and fill the memory."""
MIN_SIDE: Final = 64
MOST_ASPECT: Final = 8
"""Longer side over the shorter: a search for faces in a strip would take minutes."""
_FORMATS: Final = (
    "PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "JPEG2000", "PPM", "TGA", "HEIF",
)  # fmt: skip
_BLACK: Final = 10
"""Value that something in a picture must exceed for anything to be seen."""
_WHITES: Final = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""What white can be in whole numbers: of 8, 10, 12, 14 and 16 bits, in whatever type they are stored."""
_MOST_LIGHT: Final = 16.0
"""Floats up to this are light, of which white is 1 or what is nearly the brightest; others are whole numbers."""
_PROFILED: Final = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour spaces of profiles, and the mode that one applies to."""

if pi_heif is not None:
    pi_heif.register_heif_opener()  # Pillow reads HEIC from now on

logging.getLogger("PIL").setLevel(logging.CRITICAL)  # it also raises what it logs
# Pillow only warns where `_check_size` refuses.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # broken metadata


def read_picture(path: Path, enough: int) -> NDArray[np.uint8]:
    """Read a picture, turn it upright, and return it as uint8 `[H, W, 3]`, sRGB.

    One whose shorter edge is at least twice `enough` is reduced by a whole factor.

    Raises:
        MediaError: missing, not a picture, damaged, all black, a side under 64 pixels, a strip, over 64 million
            pixels.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            image.draft("RGB", (enough, enough))  # JPEG alone can be read at a part of its size
            _check_size(image, path, enough)
            image.load()  # TIFF is upright from now on, and no longer says that it lies
            how = coding(path, image.info)
            upright = _as_rgb(ImageOps.exif_transpose(image), how)
            pixels = np.asarray(upright.reduce(max(1, min(upright.size) // enough)))
    except UnidentifiedImageError as error:
        raise MediaError(path, _unknown(path)) from error
    except Image.DecompressionBombError as error:
        raise MediaError(path, _too_large(enough)) from error
    except PermissionError as error:
        raise MediaError(path, f"cannot be read: {error.strerror}") from error
    except MemoryError as error:
        raise MediaError(path, "needs more memory than there is") from error
    except (
        OSError, ValueError, SyntaxError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError,
        EOFError, AssertionError, struct.error, zlib.error, ImageCms.PyCMSError,
    ) as error:  # fmt: skip
        # What Pillow's readers raise about damage is whatever happens to fail first.
        _log.info("%s: %r", printable(path.name), error)
        raise MediaError(path, "is damaged and cannot be read as a picture") from error
    if pixels.max(initial=0) <= _BLACK:
        raise MediaError(path, "is all black")
    return pixels


def _unknown(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(32)
    if (
        pi_heif is None
        and head[4:8] == b"ftyp"
        and any(brand in head for brand in (b"heic", b"heix", b"mif1", b"heim"))
    ):
        return "is a HEIC picture, which needs pip install 'flowact[heic]'; or export it as JPEG or PNG"
    return "is not a picture that can be read; PNG and JPEG can"


def _check_size(image: Image.Image, path: Path, enough: int) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise MediaError(path, _too_large(enough))
    if min(image.size) < MIN_SIDE:
        size = f"{image.width}x{image.height}"
        raise MediaError(
            path, f"is too small: {size} pixels, at least {MIN_SIDE} a side are needed"
        )
    if max(image.size) > MOST_ASPECT * min(image.size):
        size = f"{image.width}x{image.height}"
        raise MediaError(
            path,
            f"is too narrow: {size} pixels, the longer side may be {MOST_ASPECT} times the other",
        )


def _too_large(enough: int) -> str:
    return f"is too large: more than {MAX_PIXELS // 10**6} million pixels; {enough} pixels a side are plenty"


def _as_rgb(image: Image.Image, how: Coding | None) -> Image.Image:
    """Lay transparent pictures on white, bring deep grey to 8 bits, and all colours into sRGB."""
    profile = image.info.get("icc_profile")
    convert = partial(_by_profile, profile=profile) if how is None else partial(_by_coding, how=how)
    if image.mode.startswith(("I", "F")):
        return convert(Image.fromarray(_eight_bits(image)))
    if not image.has_transparency_data:
        return convert(image)
    layer = image.convert("RGBA")
    opaque = convert(layer.convert("RGB"))
    white = Image.new("RGB", layer.size, "white")
    return Image.composite(opaque, white, layer.getchannel("A"))


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    grey = np.nan_to_num(np.asarray(image, np.float32), nan=0.0)
    return np.asarray((grey / _white(image.mode, grey) * 255).clip(0, 255).round(), np.uint8)


def _white(mode: str, grey: NDArray[np.float32]) -> float:
    """White in grey of many bits: floats end at 1 but for highlights, whole numbers where their camera's do.

    Numbers beyond 16 bits are of any scale: the brightest is white.
    """
    if mode == "F" and (light := float(np.percentile(grey, 95))) <= _MOST_LIGHT:
        return max(1.0, light)
    brightest = float(grey.max(initial=0))
    return next((white for white in _WHITES if brightest <= white), max(brightest, 1.0))


def _by_coding(image: Image.Image, how: Coding) -> Image.Image:
    return Image.fromarray(in_srgb(np.asarray(image.convert("RGB")), how))


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert by the colour profile; phones write Display P3 into every photograph."""
    if not profile:
        return image.convert("RGB")
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _PROFILED.get(own.profile.xcolor_space)
        if mode is None or (mode == "CMYK") != (image.mode == "CMYK"):
            return image.convert("RGB")  # the profile of something else
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image.convert(mode), own, srgb, outputMode="RGB")
    except (
        ImageCms.PyCMSError,
        OSError,
        ValueError,
    ):  # a broken profile: the colours are what they are
        return image.convert("RGB")
    return converted or image.convert("RGB")
