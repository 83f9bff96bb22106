"""bundle.zip: all data, all numbers and the chain that ties them together."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from study.analysis import charts, latex_tables, tables
from study.analysis.dataset import Dataset, Person, StoredVote
from study.analysis.report import report
from study.analysis.tidy_table import coverage, tidy
from study.database.ledger import LedgerEntry
from study.errors import StudyError
from study.files import atomic_write

EPOCH = (2000, 1, 1, 0, 0, 0)  # a fixed date: equal data give an equal bundle
LISTING = "MANIFEST.json"
FORMAT = 2
# What reading something of another form than was exported can raise; NotImplementedError is one of them.
MALFORMED = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError)


def sources(dataset: Dataset, drawn_by: str) -> dict[str, bytes]:
    """The files that hold the data, by name; `drawn_by` is the program that drew the figures."""
    config = dataset.config.model_dump(mode="json", exclude={"database"})
    return {
        "study.yaml": yaml.safe_dump(config, allow_unicode=True, sort_keys=False).encode(),
        "data.json": _json(
            {
                "format": FORMAT,
                "drawn_by": drawn_by,
                "meta": dataset.meta,
                "systems": list(dataset.systems.items()),
                "people": [asdict(person) for person in dataset.people],
            }
        ),
        "votes.jsonl": "".join(tables.jsonl_lines(dataset)).encode(),
        "ledger.jsonl": "".join(_line(asdict(entry)) for entry in dataset.entries).encode(),
    }


def texts(dataset: Dataset, made: dict[str, Any]) -> dict[str, bytes]:
    """The files of numbers and words that follow from the data and its report, by name."""
    return {
        "report.json": _json(made),
        "votes.csv": tables.csv_text(tidy(dataset)).encode("utf-8-sig"),
        "codebook.md": tables.codebook(dataset).encode(),
        "table.tex": latex_tables.latex_table(made).encode(),
        "methods.txt": latex_tables.methods(dataset, made).encode(),
    }


def figures(dataset: Dataset, made: dict[str, Any]) -> dict[str, bytes]:
    """The figures, by name: equal bytes wherever the same program draws them."""
    return {
        "gsb.svg": charts.gsb_bars(made["primary"]),
        "gsb.png": charts.gsb_bars(made["primary"], "png"),
        "coverage.svg": charts.coverage_grid(coverage(tidy(dataset))),
        "exclusions.svg": charts.exclusion_bars(made["flow"]["reasons"]),
    }


def pack(dataset: Dataset) -> bytes:
    """The bundle as ZIP."""
    made = report(dataset)
    files = sources(dataset, charts.drawn_by()) | texts(dataset, made) | figures(dataset, made)
    listing = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [*files.items(), (LISTING, _json(listing))]:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write(dataset: Dataset, path: Path) -> None:
    """Write the bundle, complete or not at all."""
    atomic_write(path, pack(dataset))


def unpack(path: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Files and listing of a bundle; raises StudyError when it is not one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(set(names)) != len(names):
                raise StudyError(f"{path}: not a study bundle (a file is in it twice)")
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
            config=parse(yaml.safe_load(files["study.yaml"]), f"{path}: study.yaml"),
            meta=data["meta"],
            systems=dict(data["systems"]),
            people=tuple(Person(**person) for person in data["people"]),
            votes=tuple(StoredVote(**row) for row in _lines(files["votes.jsonl"])),
            entries=tuple(LedgerEntry(**row) for row in _lines(files["ledger.jsonl"])),
        )
    except (yaml.YAMLError, *MALFORMED) as error:
        raise StudyError(f"{path}: a part is missing or unreadable ({error})") from None


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


def _lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.decode().split("\n") if line]
