from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.errors import UserError
from flowact.portrait import load_reference


def halves(width: int, height: int) -> Image.Image:
    """Left half red, right half blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 2] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("size", [(480, 480), (1200, 600), (300, 900), (64, 64)])
def test_the_central_square_is_scaled(tmp_path: Path, size: tuple[int, int]) -> None:
    halves(*size).save(tmp_path / "a.png")
    picture = load_reference(tmp_path / "a.png")
    assert picture.shape == (480, 480, 3)
    assert picture.dtype == np.uint8
    assert picture[240, 100].tolist() == [255, 0, 0]
    assert picture[240, 380].tolist() == [0, 0, 255]


def test_phone_pictures_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
    halves(600, 600).save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = load_reference(tmp_path / "a.jpg").astype(int)
    assert picture[100, 240, 0] > 240
    assert picture[380, 240, 2] > 240


def test_transparent_grey_and_deep_pictures_become_rgb(tmp_path: Path) -> None:
    Image.new("RGBA", (100, 100), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("L", (100, 100), 77).save(tmp_path / "grey.png")
    Image.fromarray(np.full((100, 100), 77 * 257, np.uint16)).save(tmp_path / "deep.png")
    assert load_reference(tmp_path / "clear.png").min() == 255
    assert np.unique(load_reference(tmp_path / "grey.png")).tolist() == [77]
    assert np.unique(load_reference(tmp_path / "deep.png")).tolist() == [77]


def bomb(path: Path, side: int) -> Path:
    """Write a PNG of a few bytes that claims to have `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b""))
    return path


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("missing", "There is no picture"),
        ("text", "not a picture that can be read"),
        ("cut", "is damaged"),
        ("tiny", "is too small: 20x500"),
        ("bomb", "too large: more than 64 million"),
        ("huge bomb", "too large: more than 64 million"),
    ],
)
def test_bad_pictures_are_refused_in_one_sentence(tmp_path: Path, case: str, reason: str) -> None:
    path = tmp_path / "a.png"
    if case == "text":
        path.write_text("no picture")
    elif case == "cut":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), "u1")).save(path)
        path.write_bytes(path.read_bytes()[:5000])
    elif case == "tiny":
        halves(20, 500).save(path)
    elif "bomb" in case:
        bomb(path, 60_000 if "huge" in case else 10_000)
    with pytest.raises(UserError, match=reason) as caught:
        load_reference(path)
    assert "\n" not in str(caught.value)
