"""Tables as spreadsheets write them: any separator, any encoding, empty columns and rows, spaces around cells."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from study.errors import StudyError

SEPARATORS: Final = (",", ";", "\t", "|")
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SPELT: Final = {"license": "licence"}


def decoded(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 with its mark, or Windows' western code page.

    Raises:
        StudyError: it cannot be read, or is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path}: the manifest cannot be read ({error.strerror})") from None
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    for name in (encoding,) if encoding else ("utf-8", "cp1252"):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise StudyError(f"{path}: the manifest cannot be read as text; save it as CSV in UTF-8")


def rows(
    path: Path, text: str, columns: Sequence[str], required: Sequence[str]
) -> list[dict[str, str]]:
    """The rows by column name, without what is empty.

    Raises:
        StudyError: a column is missing, is there twice or has no name, or the quotes never end.
    """
    if text.lower().startswith("sep="):
        text = "".join(text.splitlines(keepends=True)[1:])
    try:
        separator = max(SEPARATORS, key=lambda mark: _named(text, mark, columns))
        cells = [[cell.strip() for cell in row] for row in _table(text, separator)]
    except csv.Error as error:
        raise StudyError(f"{path}: the manifest cannot be read as a table ({error})") from None
    filled = [row for row in cells if any(row)]
    if not filled:
        raise StudyError(f"{path}: the manifest is empty, expected {','.join(columns)}")
    names = [_heading(name, columns) for name in filled[0]]
    for name in required:
        if name not in names:
            raise StudyError(f"{path}: column {name!r} is missing, expected {','.join(columns)}")
    twice = [name for name in names if name and names.count(name) > 1]
    if twice:
        raise StudyError(f"{path}: column {twice[0]!r} is there twice")
    return [_row(path, number, names, row) for number, row in enumerate(filled[1:], start=1)]


def _heading(name: str, columns: Sequence[str]) -> str:
    """A column's name as it is expected, also in capitals or spelt as in America."""
    plain = _SPELT.get(name.lower(), name.lower())
    return plain if plain in columns else name


def _row(path: Path, number: int, names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    loose = [cell for cell in cells[len(names) :] if cell]
    loose += [cell for name, cell in zip(names, cells, strict=False) if cell and not name]
    if loose:
        raise StudyError(f"{path}: row {number}: {loose[0]!r} stands in a column without a name")
    return {name: cell for name, cell in zip(names, cells, strict=False) if name}


def _table(text: str, separator: str) -> Iterator[list[str]]:
    """The rows, whose cells in quotes may go on in the next line."""
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator)


def _named(text: str, separator: str, columns: Sequence[str]) -> tuple[int, int]:
    """How many columns of the head have a name that is expected, if this is the separator; and all columns."""
    empty = next(filter(None, _table(text, separator)), [])
    names = next((row for row in _table(text, separator) if any(map(str.strip, row))), empty)
    return sum(_heading(name.strip(), columns) in columns for name in names), len(names)
