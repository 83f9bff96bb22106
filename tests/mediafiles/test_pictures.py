"""Pictures of every kind come upright, in sRGB, with white where their type has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from mediafiles import MediaError, pictures
from mediafiles.pictures import read_picture
from tests.mediafiles.sources import write_heic

SKIN = (190, 140, 110)


def read(path: Path) -> np.ndarray:
    return read_picture(path, 1920)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.avif", "a.jp2", "a.tif", "a.bmp", "a.ppm"])
def test_every_usual_format_is_read(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (96, 80), SKIN).save(tmp_path / name)
    assert read(tmp_path / name)[40, 40].tolist() == pytest.approx(SKIN, abs=4)


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


@pytest.mark.parametrize("white", [1023, 4095, 65535])
def test_whole_numbers_are_scaled_by_the_bits_of_their_camera(tmp_path: Path, white: int) -> None:
    ramp = np.tile(np.linspace(0, white, 100).astype(np.uint16), (100, 1))
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
