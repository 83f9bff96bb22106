"""bundle.zip: all data, all numbers and the chain that ties them together."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from study.analysis import charts, latex_tables, tables
from study.analysis.dataset import Dataset, Person, StoredVote
from study.analysis.report import report
from study.analysis.tidy_table import coverage, tidy
from study.database.ledger import LedgerEntry
from study.design.config import OPERATIONAL
from study.errors import StudyError

EPOCH = (2000, 1, 1, 0, 0, 0)  # a fixed date: equal data give an equal bundle
LISTING = "MANIFEST.json"
FORMAT = 3
EXPORTED = "exported"  # kind of the ledger's row about the figures
MOST_FILES = 40
MOST_BYTES = 512 * 2**20  # unpacked, of all files together
MOST_GROWTH = 50  # unpacked bytes for each packed one; text of votes reaches about 10
SMALL = 2**20  # unpacked, that need not be measured
# What reading something of another form than was exported can raise; NotImplementedError is one of them.
MALFORMED = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)

Make = Callable[[Dataset, dict[str, Any]], bytes]
"""Makes a file from the data and its report."""


def sources(dataset: Dataset) -> dict[str, bytes]:
    """The files that hold the data, by name."""
    config = dataset.config.model_dump(mode="json", exclude=set(OPERATIONAL))
    return {
        "study.yaml": yaml.safe_dump(config, allow_unicode=True, sort_keys=False).encode(),
        "data.json": _json(
            {
                "format": FORMAT,
                "meta": dataset.meta,
                "systems": list(dataset.systems.items()),
                "clips": dataset.clips,
                "people": [asdict(person) for person in dataset.people],
            }
        ),
        "votes.jsonl": "".join(tables.jsonl_lines(dataset)).encode(),
        "ledger.jsonl": "".join(_line(asdict(entry)) for entry in dataset.entries).encode(),
    }


def _csv(frame: pd.DataFrame) -> bytes:
    return tables.csv_text(frame).encode("utf-8-sig")


TEXTS: dict[str, Make] = {
    "report.json": lambda _, made: _json(made),
    "votes.csv": lambda dataset, _: _csv(tidy(dataset)),
    "participants.csv": lambda dataset, _: _csv(tables.participants(dataset)),
    "items.csv": lambda _, made: _csv(tables.items(made)),
    "clips.csv": lambda dataset, _: _csv(tables.clips(dataset)),
    "consent.txt": lambda dataset, _: tables.consent(dataset).encode(),
    "codebook.md": lambda dataset, _: tables.codebook(dataset).encode(),
    "table.tex": lambda _, made: latex_tables.latex_table(made).encode(),
    "methods.txt": lambda dataset, made: latex_tables.methods(dataset, made).encode(),
}
"""The files of numbers and words that follow from the data and its report."""

FIGURES: dict[str, Make] = {
    "gsb.svg": lambda _, made: charts.gsb_bars(made["primary"]),
    "gsb.png": lambda _, made: charts.gsb_bars(made["primary"], "png"),
    "items.svg": lambda _, made: charts.item_dots(made["items"]),
    "strengths.svg": lambda _, made: charts.strength_lines(made["strengths"]),
    "coverage.svg": lambda dataset, _: charts.coverage_grid(coverage(tidy(dataset))),
    "exclusions.svg": lambda _, made: charts.exclusion_bars(made["flow"]["reasons"]),
}
"""The figures: equal bytes wherever the same program draws them."""


def texts(dataset: Dataset, made: dict[str, Any]) -> dict[str, bytes]:
    """All of `TEXTS`, by name."""
    return {name: make(dataset, made) for name, make in TEXTS.items()}


def figures(dataset: Dataset, made: dict[str, Any]) -> dict[str, bytes]:
    """All of `FIGURES`, by name."""
    return {name: make(dataset, made) for name, make in FIGURES.items()}


def seal(dataset: Dataset) -> dict[str, Any]:
    """What the ledger says of an export: who drew the figures, and their hashes."""
    drawn = figures(dataset, report(dataset))
    return {"drawn_by": charts.drawn_by(), "figures": _hashes(drawn)}


def sealed(dataset: Dataset) -> dict[str, Any] | None:
    """The newest `seal` in the ledger, None before any export."""
    seals = [entry.body for entry in dataset.entries if entry.kind == EXPORTED]
    return seals[-1] if seals else None


def contents(dataset: Dataset) -> dict[str, bytes]:
    """Every file of the bundle but its listing. The ledger should end with the `seal` of the figures."""
    made = report(dataset)
    return sources(dataset) | texts(dataset, made) | figures(dataset, made)


def pack(dataset: Dataset) -> bytes:
    """The bundle as ZIP."""
    return zipped(contents(dataset))


def zipped(files: dict[str, bytes]) -> bytes:
    """Files, and the listing of their hashes, as ZIP."""
    listing = _hashes(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*files.items(), (LISTING, _json(listing))]:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def unpack(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Files and listing of a bundle; raises StudyError when it is not one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names):
                raise StudyError(f"{path}: not a study bundle (a file is in it twice)")
            _refuse_bombs(path, archive)
            files = {name: archive.read(name) for name in names}
        listing = dict(json.loads(files.pop(LISTING)))
    except (OSError, zipfile.BadZipFile, zlib.error, *MALFORMED) as error:
        raise StudyError(f"{path}: not a study bundle ({error})") from None
    return files, listing


def to_dataset(files: dict[str, bytes], path: Path) -> Dataset:
    """The data of an unpacked bundle; raises StudyError when a part is missing or unreadable."""
    from study.design.config import parse

    try:
        data = json.loads(files["data.json"])
        if data["format"] != FORMAT:
            raise StudyError(f"{path}: bundle format {data['format']}, this program reads {FORMAT}")
        return Dataset(
            config=parse(
                _PlainLoader(files["study.yaml"]).get_single_data(), f"{path}: study.yaml"
            ),
            meta=data["meta"],
            systems=dict(data["systems"]),
            people=tuple(Person(**person) for person in data["people"]),
            clips=data["clips"],
            votes=tuple(StoredVote(**row) for row in _lines(files["votes.jsonl"])),
            entries=tuple(LedgerEntry(**row) for row in _lines(files["ledger.jsonl"])),
        )
    except (yaml.YAMLError, *MALFORMED) as error:
        raise StudyError(f"{path}: a part is missing or unreadable ({error})") from None


class _PlainLoader(yaml.SafeLoader):
    """YAML without references, which a small file could unfold into an endless one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """A part of the file; raises YAMLError for a reference to another part."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("study.yaml holds a reference (*name), which no export writes")
        return super().compose_node(parent, index)


def _refuse_bombs(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse before reading what would take more memory than any study needs."""
    infos = archive.infolist()
    unpacked, packed = sum(i.file_size for i in infos), sum(i.compress_size for i in infos)
    if len(infos) > MOST_FILES:
        raise StudyError(f"{path}: not a study bundle ({len(infos)} files, at most {MOST_FILES})")
    if unpacked > SMALL and unpacked > min(MOST_BYTES, MOST_GROWTH * packed):
        raise StudyError(
            f"{path}: not read, since its {packed} bytes unpack to {unpacked}, "
            f"more than {MOST_GROWTH} times as many or more than {MOST_BYTES}"
        )


def _hashes(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode().split("\n") if line]
