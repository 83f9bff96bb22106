"""Manifests are read as spreadsheets write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.design import stimuli
from study.errors import StudyError

HEAD = ("system", "item", "file", "reference", "audio", "licence")
ROWS = [("ours", "1", "a.mp4", "", "", "CC0"), ("théirs", "1", "b.mp4", "", "", "CC0")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def text(separator: str = ",", rows=ROWS, head=HEAD) -> str:
    return "\n".join(separator.join(row) for row in (head, *rows)) + "\n"


def read(folder: Path, data: bytes, name: str = "manifest.csv") -> tuple[str, ...]:
    (folder / name).write_bytes(data)
    manifest = stimuli.read(folder / name)
    assert [entry.file.name for entry in manifest.entries] == ["a.mp4", "b.mp4"]
    assert {entry.licence for entry in manifest.entries} == {"CC0"}
    return manifest.systems


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_separator_and_encoding(folder, separator, encoding):
    assert read(folder, text(separator).encode(encoding)) == ("ours", "théirs")


def test_empty_columns_and_rows_and_spaces_are_left_out(folder):
    rows = [(*(f" {cell} " for cell in row), "", " ") for row in ROWS] + [("",) * 8]
    head = (*(name.capitalize() for name in HEAD), "", "")
    assert read(folder, text(";", rows, head).encode("utf-8-sig")) == ("ours", "théirs")


@pytest.mark.parametrize("first", ["   ", "\t", "\t \n"])
def test_a_first_line_of_spaces_hides_no_separator(folder, first):
    assert read(folder, f"{first}\n{text(';')}".encode()) == ("ours", "théirs")


def test_a_column_may_be_spelt_as_in_america(folder):
    head = (*HEAD[:-1], "License")
    assert read(folder, text(",", ROWS, head).encode()) == ("ours", "théirs")


def test_the_separator_line_of_a_spreadsheet_and_short_rows(folder):
    short = "\n".join(
        ["sep=;", "system;item;licence;file", "ours;1;CC0;a.mp4;;", "théirs;1;CC0;b.mp4"]
    )
    assert read(folder, short.replace("\n", "\r\n").encode()) == ("ours", "théirs")


def test_cells_in_quotes_may_hold_the_separator(folder):
    data = text().replace("ours", '"ours, new"')
    assert read(folder, data.encode()) == ("ours, new", "théirs")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the manifest is empty"),
        (b"\n;;\n", "the manifest is empty"),
        (b"\x89PNG\0\0\0", "cannot be read as text"),
        (b"system,item,licence\nours,1,CC0\n", "column 'file' is missing"),
        (
            b"system,item,file,licence,file\nours,1,a.mp4,CC0,a.mp4\n",
            "column 'file' is there twice",
        ),
        (
            b"system,item,file,licence,\nours,1,a.mp4,CC0,note\n",
            "row 1: 'note' stands in a column without",
        ),
        (b"system,item,file,licence,notes\nours,1,a.mp4,CC0,x\n", "'notes' is not a column"),
        (
            b'system,item,file,licence\n"ou\nrs",1,a.mp4,CC0\n',
            "row 1: system .* holds a line break",
        ),
        (b'system,item,file,licence\n"' + b"x" * 200_000, "cannot be read as a table"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(folder, data, sentence):
    with pytest.raises(StudyError, match=sentence) as caught:
        read(folder, data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "videos\\ours\\a.mp4",
        "videos/ours/e\u0301.mp4",
        "videos/ours/\u00e9.mp4",
        "Videos/OURS/A.MP4",
    ],
)
def test_files_are_found_as_windows_and_macs_write_them(folder, name):
    (folder / "videos" / "ours").mkdir(parents=True)
    for file in ("a.mp4", "\u00e9.mp4"):
        (folder / "videos" / "ours" / file).write_bytes(file.encode())
    rows = [("ours", "1", name, "", "", "CC0"), ROWS[1]]
    (folder / "manifest.csv").write_text(text(rows=rows), encoding="utf-8")
    assert stimuli.read(folder / "manifest.csv").entries[0].file.parent.name == "ours"


def test_names_that_differ_in_capitals_alone_are_told(folder):
    rows = [("ours", "1", "a.mp4", "", "", "CC0"), ("Ours", "2", "b.mp4", "", "", "CC0")]
    with pytest.raises(StudyError, match="systems 'ours' and 'Ours' differ in capitals alone"):
        read(folder, text(rows=rows).encode())


def test_names_composed_in_two_ways_are_one(folder):
    rows = [("caf\u00e9", "1", "a.mp4", "", "", "CC0"), ("ours", "1", "b.mp4", "", "", "CC0")]
    decomposed = text(rows=rows).replace("caf\u00e9", "cafe\u0301")
    assert read(folder, decomposed.encode()) == ("caf\u00e9", "ours")


def test_a_name_that_no_file_can_have_is_one_sentence(folder):
    (folder / "manifest.json").write_text(
        '[{"system": "a", "item": "1", "file": "a\\u0000.mp4", "licence": "CC0"}]'
    )
    with pytest.raises(StudyError, match="row 1: file .* does not exist"):
        stimuli.read(folder / "manifest.json")
