"""What an operator may take out, and when: nothing by system before the study is closed."""

from __future__ import annotations

from pathlib import Path

from study.analysis import bundle
from study.analysis.dataset import Dataset, read
from study.analysis.report import report
from study.errors import Refused
from study.files import atomic_write
from study.voting import lifecycle
from study.voting.context import StudyContext

BUNDLE, VOTES = "bundle.zip", "votes.jsonl"
NAMES = (BUNDLE, VOTES, *bundle.TEXTS, *bundle.FIGURES)
"""Files that can be had one by one; each but the bundle itself is in the bundle."""
TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
    ".txt": "text/plain; charset=utf-8",
    ".zip": "application/zip",
}


def media_type(name: str) -> str:
    """The type of one of `NAMES`."""
    return TYPES[Path(name).suffix]


def content(context: StudyContext, name: str) -> bytes:
    """One of `NAMES`; raises Refused while results are hidden."""
    if name == BUNDLE:
        return bundle.pack(sealed_data(context))
    dataset = open_data(context)
    if name == VOTES:
        return bundle.sources(dataset)[VOTES]
    make = (bundle.TEXTS | bundle.FIGURES)[name]
    return make(dataset, report(dataset))


def write_all(dataset: Dataset, folder: Path) -> None:
    """Write all of `NAMES` into `folder`, which may be the study's own; each file is whole or not there."""
    files = bundle.contents(dataset)
    files[BUNDLE] = bundle.zipped(files)
    for name in NAMES:
        atomic_write(folder / name, files[name])


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
