"""The set without the one who is left out, sheets in 16, and pictures of one's own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.errors import UserError
from flowact.evaluation.photographs import (
    CLOSE,
    FAR,
    SELFIES,
    harder,
    people,
    portraits_in,
    reduced,
)


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_one_is_left_out_and_a_sheet_is_cut_row_by_row(tmp_path: Path) -> None:
    shades = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16
    sheet = np.repeat(np.kron(shades, np.ones((8, 12), np.uint8))[..., None], 3, 2)
    for name in ("P001", "P003", "P010"):
        write(tmp_path / "openpeople" / name / "assets" / "emotions_sheet.jpg", sheet)
    found = people(tmp_path)
    assert [person.name for person in found] == ["P001", "P010"]
    assert found[1].portrait == tmp_path / "openpeople/P010/assets/studio_portrait.jpg"
    cells = found[0].expressions()
    assert {cell.shape for cell in cells} == {(8, 12, 3)}
    means = [float(cell.mean()) for cell in cells]
    assert means == pytest.approx(list(range(0, 256, 16)), abs=12)


def test_the_harder_ones_are_twelve_and_close_ups_are_cut_from_portraits(tmp_path: Path) -> None:
    for name in {*SELFIES, *FAR, *CLOSE}:
        home = tmp_path / "openpeople" / name / "assets"
        for file, shade in (("amateur_selfie", 40), ("amateur_posture", 80)):
            write(home / f"{file}.jpg", np.full((60, 40, 3), shade, np.uint8))
        portrait = np.zeros((100, 100, 3), np.uint8)
        portrait[12:57, 32:68] = 200
        write(home / "studio_portrait.jpg", portrait)
    found = harder(tmp_path)
    assert len(found) == 12 and all(path.is_file() for path in found.values())
    assert reduced(found["selfie P001"]).mean() < reduced(found["far P001"]).mean()
    close = reduced(found["close P006"])
    assert close.shape == (45, 36, 3)
    assert close[8:-8, 8:-8].min() > 150
    assert harder(tmp_path) == found


def test_pictures_of_a_folder_are_named_after_their_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no pictures in"):
        portraits_in(tmp_path)
    one = write(tmp_path / "b.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    assert portraits_in(tmp_path) == {"b": one}


def test_large_pictures_are_reduced_and_small_ones_are_not(tmp_path: Path) -> None:
    large = write(tmp_path / "large.png", np.zeros((1000, 2000, 3), np.uint8))
    small = write(tmp_path / "small.png", np.zeros((480, 480, 3), np.uint8))
    assert reduced(large).shape == (400, 800, 3)
    assert reduced(small).shape == (480, 480, 3)
