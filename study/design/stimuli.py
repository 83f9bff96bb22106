"""The manifest: which system made which video for which item, from which picture and sound."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unicodedata import category, normalize

from study import canonical
from study.design.sections import plain_name
from study.encoding import spreadsheet
from study.errors import StudyError
from study.files import atomic_write

COLUMNS = ("system", "item", "file", "reference", "audio", "licence")
REQUIRED = ("system", "item", "file", "licence")
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")
"""Categories of Unicode: control characters, halves of characters, breaks of lines and paragraphs."""


@dataclass(frozen=True)
class ManifestEntry:
    """One source video. `reference` and `audio` are None when the item has none."""

    system: str
    item: str
    file: Path
    reference: Path | None
    audio: Path | None
    licence: str


@dataclass(frozen=True)
class Manifest:
    """A complete table systems x items, one entry for each pair."""

    source: Path
    entries: tuple[ManifestEntry, ...]

    @property
    def systems(self) -> tuple[str, ...]:
        """System names in order of first appearance."""
        return tuple(dict.fromkeys(entry.system for entry in self.entries))

    @property
    def items(self) -> tuple[str, ...]:
        """Item names in order of first appearance."""
        return tuple(dict.fromkeys(entry.item for entry in self.entries))

    @cached_property
    def _by_item(self) -> dict[str, list[ManifestEntry]]:
        found: dict[str, list[ManifestEntry]] = {}
        for entry in self.entries:
            found.setdefault(entry.item, []).append(entry)
        return found

    def of_item(self, item: str) -> tuple[ManifestEntry, ...]:
        """The entries of one item, one per system."""
        return tuple(self._by_item[item])

    def secrets(self) -> tuple[str, ...]:
        """Every word that would tell a participant which system or file is shown."""
        stems = {entry.file.stem for entry in self.entries}
        return tuple(sorted({*self.systems, *self.items, *stems}))


def read(path: Path) -> Manifest:
    """Read a CSV or JSON manifest; raises StudyError naming the file, the row and the rule.

    Paths in it are relative to the manifest's own folder.
    """
    rows = _rows(path)
    entries = tuple(_entry(path, number, row) for number, row in enumerate(rows, start=1))
    if not entries:
        raise StudyError(f"{path}: the manifest has no rows, expected systems x items")
    manifest = Manifest(path, entries)
    _refuse_duplicates(manifest)
    _refuse_gaps(manifest)
    _refuse_mixed_inputs(manifest)
    return manifest


def write(manifest: Manifest, path: Path) -> None:
    """Write the manifest as JSON with absolute paths and the hash of every file."""
    rows = [_with_hashes(entry) for entry in manifest.entries]
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    # Bytes of a file's name that are no UTF-8 come back from their escapes.
    atomic_write(path, text.encode(errors="backslashreplace"))


def _with_hashes(entry: ManifestEntry) -> dict[str, str]:
    row = {key: str(value) for key, value in asdict(entry).items() if value is not None}
    return row | {"sha256": canonical.file_digest(entry.file)}


def _rows(path: Path) -> list[dict[str, Any]]:
    text = spreadsheet.decoded(path)
    if path.suffix.lower() == ".json":
        return _json_rows(path, text)
    return spreadsheet.rows(path, text, COLUMNS, REQUIRED)


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise StudyError(f"{path}: expected a JSON list of objects")
    return rows


def _entry(path: Path, number: int, raw: dict[str, Any]) -> ManifestEntry:
    row = {str(key): str(value if value is not None else "").strip() for key, value in raw.items()}
    unknown = sorted(key for key in row if key not in (*COLUMNS, "sha256"))
    if unknown:
        raise StudyError(
            f"{path}: row {number}: {unknown[0]!r} is not a column of a manifest, expected {','.join(COLUMNS)}"
        )
    for name in REQUIRED:
        if not row.get(name):
            raise StudyError(f"{path}: row {number}: {name!r} is empty")
    for name in ("system", "item", "licence"):
        if any(category(sign) in _NO_TEXT for sign in row[name]):
            raise StudyError(
                f"{path}: row {number}: {name} {row[name]!r} holds a line break or another sign that is no text"
            )
    file = _existing(path, number, row["file"])
    if row.get("sha256") and canonical.file_digest(file) != row["sha256"]:
        raise StudyError(f"{file}: changed since it was imported; run `study import` again")
    return ManifestEntry(
        system=plain_name(row["system"]),
        item=plain_name(row["item"]),
        file=file,
        reference=_existing(path, number, row["reference"]) if row.get("reference") else None,
        audio=_existing(path, number, row["audio"]) if row.get("audio") else None,
        licence=row["licence"],
    )


def _existing(manifest: Path, number: int, name: str) -> Path:
    """The file of a cell, also where Windows wrote the path, or letters were composed or capital another way."""
    folder = manifest.parent.absolute()
    file = _found(folder, folder / name) or _found(folder, folder / name.replace("\\", "/"))
    if file is None or not file.is_file():
        raise StudyError(f"{manifest}: row {number}: file {name!r} does not exist")
    return file.resolve()


def _found(folder: Path, wanted: Path) -> Path | None:
    """A path; parts of it that are not in `folder` as they are spelt may be there in one other spelling."""
    path = Path(wanted.anchor)
    for part in wanted.parts[1:]:
        exact = path / part
        if not exact.exists() and folder in (path, *path.parents) and path.is_dir():
            alike = [other for other in path.iterdir() if _folded(other.name) == _folded(part)]
            exact = alike[0] if len(alike) == 1 else exact
        path = exact
    return path if path.exists() else None


def _folded(name: str) -> str:
    return normalize("NFC", name).casefold()


def _refuse_duplicates(manifest: Manifest) -> None:
    counts = Counter((entry.system, entry.item) for entry in manifest.entries)
    for (system, item), count in counts.items():
        if count > 1:
            raise StudyError(
                f"{manifest.source}: item {item!r} of system {system!r} is listed {count} times, "
                "expected once"
            )
    files = Counter(entry.file for entry in manifest.entries)
    repeated = [file for file, count in files.items() if count > 1]
    if repeated:
        raise StudyError(f"{manifest.source}: file {repeated[0]} is listed for two entries")


def _refuse_gaps(manifest: Manifest) -> None:
    for kind, names in (("systems", manifest.systems), ("items", manifest.items)):
        spelt: dict[str, str] = {}
        for name in names:
            if (other := spelt.setdefault(name.casefold(), name)) != name:
                raise StudyError(
                    f"{manifest.source}: the {kind} {other!r} and {name!r} differ in capitals alone; write them alike"
                )
    present = {(entry.system, entry.item) for entry in manifest.entries}
    for system in manifest.systems:
        for item in manifest.items:
            if (system, item) not in present:
                raise StudyError(
                    f"{manifest.source}: system {system!r} has no video for item {item!r}; "
                    "every system needs every item"
                )
    if len(manifest.systems) < 2:
        raise StudyError(f"{manifest.source}: expected at least two systems, found one")


def _refuse_mixed_inputs(manifest: Manifest) -> None:
    for item in manifest.items:
        entries = manifest.of_item(item)
        for name in ("reference", "audio"):
            files = [getattr(entry, name) for entry in entries]
            hashes = {canonical.file_digest(file) if file else None for file in files}
            if len(hashes) > 1:
                raise StudyError(
                    f"{manifest.source}: item {item!r}: the systems were given different "
                    f"{name} files; both sides of a pair must start from the same input"
                )
