"""What an operator may take out, and when: nothing by system before the study is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.analysis import bundle, charts, latex_tables, tables
from study.analysis.dataset import Dataset, read
from study.analysis.report import report
from study.analysis.tidy_table import tidy
from study.errors import Refused
from study.files import atomic_write
from study.voting import lifecycle
from study.voting.context import StudyContext


@dataclass(frozen=True)
class ExportFormat:
    """One downloadable file."""

    name: str
    media_type: str
    content: Callable[[Dataset], Iterator[bytes]]


def _csv(dataset: Dataset) -> Iterator[bytes]:
    yield "\ufeff".encode()
    yield from (line.encode() for line in tables.csv_lines(tidy(dataset)))


def _jsonl(dataset: Dataset) -> Iterator[bytes]:
    return (line.encode() for line in tables.jsonl_lines(dataset))


def _json(dataset: Dataset) -> Iterator[bytes]:
    yield bundle.texts(dataset, report(dataset))["report.json"]


def _paper(dataset: Dataset) -> Iterator[bytes]:
    made = report(dataset)
    yield latex_tables.latex_table(made).encode()
    yield ("\n% " + latex_tables.methods(dataset, made)).encode()


def _png(dataset: Dataset) -> Iterator[bytes]:
    yield charts.gsb_bars(report(dataset)["primary"], "png")


def _csv_of(table: Callable[[Dataset], pd.DataFrame]) -> Callable[[Dataset], Iterator[bytes]]:
    return lambda dataset: iter([tables.csv_text(table(dataset)).encode("utf-8-sig")])


KINDS = {
    "votes.csv": ExportFormat("votes.csv", "text/csv; charset=utf-8", _csv),
    "votes.jsonl": ExportFormat("votes.jsonl", "application/x-ndjson", _jsonl),
    "codebook.md": ExportFormat(
        "codebook.md", "text/markdown; charset=utf-8", lambda d: iter([tables.codebook(d).encode()])
    ),
    "participants.csv": ExportFormat(
        "participants.csv", "text/csv; charset=utf-8", _csv_of(tables.participants)
    ),
    "items.csv": ExportFormat(
        "items.csv", "text/csv; charset=utf-8", _csv_of(lambda d: tables.items(report(d)))
    ),
    "report.json": ExportFormat("report.json", "application/json", _json),
    "paper.tex": ExportFormat("paper.tex", "application/x-tex", _paper),
    "gsb.png": ExportFormat("gsb.png", "image/png", _png),
    "bundle.zip": ExportFormat("bundle.zip", "application/zip", lambda d: iter([bundle.pack(d)])),
}


def write_all(dataset: Dataset, folder: Path) -> None:
    """Write every kind of export into `folder`; each file is whole or not there."""
    for kind in KINDS.values():
        atomic_write(folder / kind.name, b"".join(kind.content(dataset)))


def open_data(context: StudyContext) -> Dataset:
    """The data with system names; raises Refused 409 while they are hidden, notes an early look."""
    dataset = read(context)
    if dataset.meta["state"] != "closed":
        if not context.config.analysis.reveal_before_close:
            raise Refused(409, "hidden", "results by system stay hidden until the study is closed")
        lifecycle.mark_revealed(context.store, context.clock())
        return read(context)
    return dataset


def sealed_data(context: StudyContext) -> Dataset:
    """`open_data`, whose ledger ends with the hashes of the figures that will be exported."""
    seal = bundle.seal(open_data(context))
    lifecycle.note_export(context.store, bundle.EXPORTED, seal, context.clock())
    return read(context)
