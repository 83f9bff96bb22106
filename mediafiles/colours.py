"""Colours that a picture names by numbers rather than by a profile: in PNG, AVIF and HEIC."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Corner = tuple[float, float]
Gamut = tuple[Corner, Corner, Corner, Corner]
"""Where white, red, green and blue lie, CIE 1931 (x, y)."""

D65: Final = (0.3127, 0.3290)
SRGB: Final[Gamut] = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_WIDE: Final[Gamut] = (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
_P3: Final[Gamut] = (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
_GAMUTS: Final[Mapping[int, Gamut]] = {9: _WIDE, 11: ((0.314, 0.351), *_P3[1:]), 12: _P3}
"""Those of ITU-T H.273 that differ to the eye from sRGB's: BT.2020, and P3 with the white of cinemas and of screens."""
_WHITE: Final = 203.0
"""cd/m2 of a white page in high dynamic range (BT.2408), which becomes white; what is brighter is cut."""
_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_SAME: Final = 0.02
"""Difference of gammas that nobody sees: 1 / 0.45455 is meant for sRGB."""
_ROWS: Final = 256
"""That are converted at once: floats of a whole photograph would fill the memory."""


class Coding(NamedTuple):
    """What the numbers of a picture mean.

    Attributes:
        gamut: of their primaries.
        light: from a signal between 0 and 1 to light, of which 1 is white.
    """

    gamut: Gamut
    light: Callable[[Floats], Floats]


def coding(path: Path, said: Mapping[Any, Any]) -> Coding | None:
    """How a picture's file says that it differs from sRGB, None where it does not.

    Args:
        path: of the file.
        said: what Pillow found in it.
    """
    with path.open("rb") as file:
        head = file.read(2**20)
    profiled = "icc_profile" in said
    # The first box may belong to another picture of the file, as a map of gains, whose own has a profile.
    codes = _of_png(head) or (None if profiled else _of_boxes(head))
    if codes is not None:
        return _by_codes(*codes)
    if profiled or "srgb" in said:
        return None
    return _by_gamma(said.get("gamma"), said.get("chromaticity"))


def in_srgb(pixels: Pixels, how: Coding) -> Pixels:
    """Convert uint8 `[H, W, 3]`."""
    signals = np.linspace(0, 1, 256, dtype=np.float32)
    light = how.light(signals).astype(np.float32)
    matrix = (np.linalg.inv(_to_xyz(SRGB)) @ _to_xyz(how.gamut)).T.astype(np.float32)
    shown = np.empty_like(pixels)
    for row in range(0, len(pixels), _ROWS):
        linear = (light[pixels[row : row + _ROWS]] @ matrix).clip(0, 1)
        shown[row : row + _ROWS] = (255 * _srgb_signal(linear)).round()
    return shown


def _of_png(head: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of the chunk cICP, which comes before the pixels."""
    if not head.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    at = 8
    while at + 12 <= len(head):
        length, kind = struct.unpack_from(">I4s", head, at)
        if kind == b"cICP" and length == 4:
            return head[at + 8], head[at + 9]
        if kind == b"IDAT":
            return None
        at += 12 + length
    return None


def _of_boxes(head: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of the first box of colours in AVIF and HEIC."""
    at = head.find(b"colrnclx") if head[4:8] == b"ftyp" else -1
    if at < 0 or at + 12 > len(head):
        return None
    primaries, transfer = struct.unpack_from(">HH", head, at + 8)
    return int(primaries), int(transfer)


def _by_codes(primaries: int, transfer: int) -> Coding | None:
    """The numbers are those of ITU-T H.273."""
    if primaries not in _GAMUTS and transfer not in _LIGHTS:
        return None
    return Coding(_GAMUTS.get(primaries, SRGB), _LIGHTS.get(transfer, _srgb_light))


def _by_gamma(gamma: float | None, corners: tuple[float, ...] | None) -> Coding | None:
    """What PNG says in gAMA, the exponent from light to signal, and cHRM."""
    gamut = SRGB
    if corners is not None and _is_gamut(corners):
        gamut = (corners[0:2], corners[2:4], corners[4:6], corners[6:8])  # type: ignore[assignment]
    usual = not gamma or abs(gamma * 2.2 - 1) < _SAME
    if usual and np.allclose(gamut, SRGB, atol=0.005):
        return None
    return Coding(gamut, _srgb_light if usual else _power(1 / float(gamma or 1)))


def _is_gamut(corners: tuple[float, ...]) -> bool:
    """Whether white and three primaries that lie on no line are there; a file may say anything."""
    if len(corners) != 8 or min(corners[1::2]) <= 0:
        return False
    (x, y), one, other = (np.array(corners[at : at + 2]) for at in (2, 4, 6))
    return bool(abs(np.linalg.det([one - (x, y), other - (x, y)])) > 1e-4)


def _to_xyz(gamut: Gamut) -> NDArray[np.float64]:
    """From linear light of these primaries to CIE XYZ, their white brought to D65 as eyes do it (Bradford)."""
    white, *corners = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in gamut)
    primaries = np.stack(corners, 1)
    plain = primaries * np.linalg.solve(primaries, white)
    eyes, target = (
        _BRADFORD @ white,
        _BRADFORD @ np.array([D65[0] / D65[1], 1.0, (1 - sum(D65)) / D65[1]]),
    )
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(target / eyes) @ _BRADFORD @ plain)


def _srgb_light(signal: Floats) -> Floats:
    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)


def _srgb_signal(light: Floats) -> Floats:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _power(exponent: float) -> Callable[[Floats], Floats]:
    return lambda signal: np.asarray(signal**exponent, np.float32)


def _pq_light(signal: Floats) -> Floats:
    """SMPTE ST 2084."""
    root = signal ** np.float32(32 / 2523)
    ratio = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
    return np.asarray(10_000 / _WHITE * ratio ** (16384 / 2610), np.float32)


def _hlg_light(signal: Floats) -> Floats:
    """ARIB STD-B67 on a screen of 1000 cd/m2, each colour by itself: greys are exact, others a little strong."""
    scene = np.where(
        signal <= 0.5, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    )
    return np.asarray(1_000 / _WHITE * scene**1.2, np.float32)


_LIGHTS: Final[Mapping[int, Callable[[Floats], Floats]]] = {
    4: _power(2.2),
    5: _power(2.8),
    8: _power(1.0),
    16: _pq_light,
    18: _hlg_light,
}
"""Transfer curves of ITU-T H.273 that look wrong when they are taken for sRGB's."""
