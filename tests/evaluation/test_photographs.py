"""The set without the one who is left out, sheets in 16, and pictures of one's own."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.errors import UserError
from flowact.evaluation.photographs import people, portraits_in, reduced


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
