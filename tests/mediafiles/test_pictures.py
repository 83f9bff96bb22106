"""Pictures of every kind come upright, in sRGB, with white where their type has it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from mediafiles import MediaError, pictures
from mediafiles.pictures import read_picture
from tests.mediafiles.sources import write_heic

SKIN = (190, 140, 110)
STORED = (
    Image.Transpose.FLIP_LEFT_RIGHT,
    Image.Transpose.ROTATE_180,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_90,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_270,
)
"""What was done to a picture that Exif's orientations 2 to 8 undo."""


def read(path: Path) -> np.ndarray:
    return read_picture(path, 1920)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif", "a.jp2", "a.tif", "a.bmp", "a.ppm"])
def test_every_usual_format_is_read(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (96, 80), SKIN).save(tmp_path / name)
    assert read(tmp_path / name)[40, 40].tolist() == pytest.approx(SKIN, abs=4)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_upright_once(tmp_path: Path, name: str, orientation: int) -> None:
    """A corner is red in the picture as it is seen; the file holds it mirrored and turned, and says so."""
    upright = Image.new("RGB", (96, 80), SKIN)
    upright.paste((200, 0, 0), (0, 0, 32, 16))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = upright if orientation == 1 else upright.transpose(STORED[orientation - 2])
    stored.save(tmp_path / name, exif=exif, quality=95)
    shown = read(tmp_path / name)
    assert shown.shape == (80, 96, 3)
    assert shown[8, 16].tolist() == pytest.approx((200, 0, 0), abs=12)
    for row, column in ((8, 80), (72, 16), (72, 80), (24, 8)):
        assert shown[row, column].tolist() == pytest.approx(SKIN, abs=12)


@pytest.mark.parametrize("top", [1.0, 1.4, 255.0, 65535.0])
def test_floats_are_scaled_by_what_is_white_in_them(tmp_path: Path, top: float) -> None:
    ramp = np.tile(np.linspace(0, min(top, 1.0) if top < 2 else top, 100, dtype="f4"), (100, 1))
    ramp[:2, :2] = top  # a highlight, which in floats may be beyond white
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif")[50, 50, 0] == pytest.approx(255 * 50 / 99, abs=1)


def test_deep_grey_is_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.full((80, 80), 100 * 257, np.uint16)).save(tmp_path / "a.png")
    assert np.unique(read(tmp_path / "a.png")).tolist() == [100]


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_black_picture_is_refused(tmp_path: Path, value: float) -> None:
    Image.new("L", (80, 80), int(value)).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match=r"^a\.png is all black\.$"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("size", [(4000, 64), (70, 600)])
def test_a_strip_is_refused_before_a_face_is_looked_for_in_it(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    Image.new("RGB", size, "grey").save(tmp_path / "a.png")
    with pytest.raises(MediaError, match=r"^a\.png is too narrow: "):
        read(tmp_path / "a.png")


def linear_profile(space: str) -> bytes:
    """An ICC profile that says something else than sRGB: linear light."""
    from PIL.ImageCms import ImageCmsProfile, createProfile

    if space == "LAB":
        return ImageCmsProfile(createProfile("LAB")).tobytes()
    raw = bytearray(ImageCmsProfile(createProfile("sRGB")).tobytes())
    count = int.from_bytes(raw[128:132], "big")
    tags = {bytes(raw[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        at = int.from_bytes(raw[tags[name] + 4 : tags[name] + 8], "big")
        raw[at : at + 14] = b"curv" + bytes(4) + (1).to_bytes(4, "big") + (256).to_bytes(2, "big")
        raw[tags[name] + 8 : tags[name] + 12] = (14).to_bytes(4, "big")
    return bytes(raw)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
def test_colours_are_converted_by_the_profile(tmp_path: Path, mode: str) -> None:
    """A value of 64 in linear light is 137 in sRGB, whichever way the pixels are stored."""
    image = Image.new("RGB", (80, 80), (64, 64, 64))
    image = image.quantize() if mode == "P" else image.convert(mode)
    image.save(tmp_path / "a.png", icc_profile=linear_profile("RGB"))
    shown = read(tmp_path / "a.png")[40, 40]
    assert shown.tolist() == pytest.approx([137] * 3, abs=2)


@pytest.mark.parametrize("profile", [b"nonsense", b"", linear_profile("LAB")])
def test_a_profile_that_cannot_be_used_changes_nothing(tmp_path: Path, profile: bytes) -> None:
    Image.new("RGB", (80, 80), SKIN).save(tmp_path / "a.png", icc_profile=profile)
    assert read(tmp_path / "a.png")[40, 40].tolist() == list(SKIN)


def test_cmyk_is_read_with_and_without_a_profile(tmp_path: Path) -> None:
    Image.new("CMYK", (80, 80), (0, 128, 128, 0)).save(tmp_path / "a.jpg", quality=95)
    red, green, blue = read(tmp_path / "a.jpg")[40, 40]
    assert red > 240
    assert abs(int(green) - 127) < 8
    assert abs(int(blue) - 127) < 8


def test_a_picture_of_a_phone_is_read_by_its_profile(tmp_path: Path) -> None:
    pixels = np.full((80, 96, 3), 64, np.uint8)
    path = write_heic(tmp_path / "a.heic", pixels, linear_profile("RGB"))
    assert read(path)[40, 40].tolist() == pytest.approx([137] * 3, abs=6)


def test_a_picture_of_a_phone_that_is_not_read_says_what_would_be(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pictures, "pi_heif", None)
    monkeypatch.setattr(pictures, "_FORMATS", ("PNG",))
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    with pytest.raises(MediaError, match=r"HEIC picture.*flowact\[heic\].*export it as JPEG"):
        read(tmp_path / "a.heic")


@pytest.mark.parametrize("white", [1023, 4095, 16383, 65535, 255_000, 2**31 - 1])
def test_whole_numbers_are_scaled_by_the_bits_of_their_camera(tmp_path: Path, white: int) -> None:
    kind = np.uint16 if white < 2**16 else np.int32
    ramp = np.tile(np.linspace(0, white, 100).astype(kind), (100, 1))
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    assert read(tmp_path / "a.tif")[50, 50, 0] == pytest.approx(255 * 50 / 99, abs=1)


def test_floats_of_much_light_are_not_black(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.linspace(0, 4, 100, dtype="f4"), (100, 1))).save(tmp_path / "a.tif")
    shown = read(tmp_path / "a.tif")[50]
    assert shown.max() == 255 and 120 < shown[50, 0] < 145


def test_transparent_parts_of_a_profiled_picture_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (80, 80), (64, 64, 64, 0))
    image.save(
        tmp_path / "a.png",
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    )
    assert read(tmp_path / "a.png").min() == 255


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, colour: tuple[int, int, int], more: bytes) -> Path:
    """A PNG of one colour with more chunks behind its head."""
    Image.new("RGB", (80, 80), colour).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:33] + more + data[33:])
    return path


CORNERS_OF_P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
P3 = chunk(b"cHRM", struct.pack(">8I", *CORNERS_OF_P3))
ORANGE, ORANGE_IN_SRGB = (200, 120, 80), (213, 115, 70)
"""In Display P3, and by the matrix of CSS Color 4."""


@pytest.mark.parametrize(
    ("stored", "chunks", "shown"),
    [
        ((64, 64, 64), chunk(b"gAMA", struct.pack(">I", 100_000)), (137, 137, 137)),
        (SKIN, chunk(b"gAMA", struct.pack(">I", 45_455)), SKIN),
        (SKIN, chunk(b"gAMA", bytes(4)), SKIN),
        ((64, 64, 64), chunk(b"sRGB", b"\0") + chunk(b"gAMA", struct.pack(">I", 99_999)), (64, 64, 64)),
        (ORANGE, P3, ORANGE_IN_SRGB),
        (ORANGE, chunk(b"cICP", bytes([12, 13, 0, 1])), ORANGE_IN_SRGB),
        (SKIN, chunk(b"cICP", bytes([1, 13, 0, 1])), SKIN),
        ((148, 148, 148), chunk(b"cICP", bytes([9, 16, 0, 1])), (255, 255, 255)),
        ((191, 191, 191), chunk(b"cICP", bytes([9, 18, 0, 1])), (255, 255, 255)),
        (SKIN, chunk(b"cICP", b"\xff\xff\0\0"), SKIN),
        (SKIN, chunk(b"cHRM", bytes(32)), SKIN),
    ],
    ids=["linear", "usual", "no gamma", "srgb", "corners", "p3", "plain", "pq", "hlg", "unknown", "nothing"],
)  # fmt: skip
def test_colours_named_by_numbers_are_converted(tmp_path: Path, stored, chunks, shown) -> None:
    assert read(png(tmp_path / "a.png", stored, chunks))[40, 40].tolist() == pytest.approx(
        shown, abs=2
    )


def test_colours_of_a_picture_in_boxes_are_converted(tmp_path: Path) -> None:
    """As telephones and browsers write AVIF: with numbers and without a profile."""
    Image.new("RGB", (80, 80), ORANGE).save(tmp_path / "a.avif", quality=100)
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"colrnclx") + 8
    (tmp_path / "a.avif").write_bytes(data[:at] + struct.pack(">H", 12) + data[at + 2 :])
    assert read(tmp_path / "a.avif")[40, 40].tolist() == pytest.approx(ORANGE_IN_SRGB, abs=4)


def test_a_damaged_picture_is_told_by_nobody_else(tmp_path: Path, caplog) -> None:
    """Pillow logs an error of its own for a TIFF of too many samples."""
    Image.new("RGB", (80, 80), SKIN).save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = data.index(struct.pack("<HHI", 277, 3, 1)) + 8  # samples of a pixel
    data[at : at + 2] = struct.pack("<H", 2048)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(MediaError, match="a.tif is not a picture that can be read"):
        read(tmp_path / "a.tif")
    assert [record for record in caplog.records if record.name.startswith("PIL")] == []
