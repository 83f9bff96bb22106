"""CSV that is safe to open in a spreadsheet, JSON lines and the codebook."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from study import canonical
from study.analysis.dataset import Dataset, judgements
from study.analysis.dictionary import (
    CLIPS,
    DEVICE,
    FILES,
    ITEMS,
    PARTICIPANTS,
    RECORD,
    REPORT,
)
from study.analysis.tidy_table import COLUMNS
from study.design.translations import consent_text, dimension_text, offered
from study.statistics.gsb import FORMULAS

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def guarded(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that could be one gets a leading quote.

    Numbers stay numbers. See OWASP, "CSV Injection".
    """
    if not isinstance(value, str):
        return value
    text = value.replace("\x00", "")
    risky = text.startswith(RISKY) or text.lstrip(" \u00a0\ufeff\u200b").startswith(RISKY)
    return f"'{text}" if risky else text


def csv_text(frame: pd.DataFrame) -> str:
    """A frame as CSV with guarded text cells and headings."""
    return "".join(csv_lines(frame))


def csv_lines(frame: pd.DataFrame) -> Iterator[str]:
    """The lines of `csv_text`, one at a time, for streaming."""
    yield _line([guarded(str(name)) for name in frame.columns])
    for row in frame.itertuples(index=False, name=None):
        yield _line([None if _missing(cell) else guarded(cell) for cell in row])


def jsonl_lines(dataset: Dataset) -> Iterator[str]:
    """Every vote's record with salt and digest, one JSON object a line."""
    for vote in dataset.votes:
        yield canonical.dumps(asdict(vote)) + "\n"


def participants(dataset: Dataset) -> pd.DataFrame:
    """One row a participant: how far, on what, with which verdict, and what they say of themselves."""
    verdicts = judgements(dataset)
    asked = sorted({name for person in dataset.people for name in person.facts["answers"]})
    cast = Counter(vote.record["participant"] for vote in dataset.votes)
    rows = []
    for person in dataset.people:
        device, judged = person.facts["device"], verdicts[person.code]
        row = {
            "participant": person.code,
            "state": person.state,
            "locale": person.locale,
            "consent_version": person.consent_version,
            "consent_hash": person.consent_hash,
            "votes": cast[person.code],
            "verdict": judged.verdict if cast[person.code] else "",
            "reasons": " ".join(judged.reasons),
        }
        row |= {name: device.get(name) for name in DEVICE}
        rows.append(row | {f"q_{name}": person.facts["answers"].get(name) for name in asked})
    return pd.DataFrame(rows, columns=[*PARTICIPANTS, *DEVICE, *[f"q_{name}" for name in asked]])


def items(report: dict[str, Any]) -> pd.DataFrame:
    """The results by item, for plots of one's own."""
    return pd.DataFrame(report["items"], columns=list(ITEMS))


def clips(dataset: Dataset) -> pd.DataFrame:
    """Every clip that was shown, with the hashes of its bytes and of the file it was made from."""
    rows = [{name: clip.get(name) for name in CLIPS} for clip in dataset.clips["stimuli"]]
    return pd.DataFrame(rows, columns=list(CLIPS))


def consent(dataset: Dataset) -> str:
    """What participants agreed to, in every language, each with its hash."""
    texts = [(locale, consent_text(dataset.config, locale)) for locale in offered(dataset.config)]
    return "\n".join(
        f"[{locale}] version {dataset.config.consent.version}, sha256 {canonical.digest(text)}\n{text}\n"
        for locale, text in texts
    )


def codebook(dataset: Dataset) -> str:
    """What every file, column and number means, as Markdown."""
    lines = [f"# Codebook of {dataset.config.name}", "", "## Files", ""]
    lines += ["| file | content |", "| --- | --- |"]
    lines += [f"| {name} | {meaning} |" for name, meaning in FILES.items()]
    tables = {
        "votes.csv": COLUMNS,
        "participants.csv": PARTICIPANTS | DEVICE,
        "items.csv": ITEMS,
        "clips.csv": CLIPS,
        "votes.jsonl, in `record`": RECORD,
        "report.json": REPORT,
    }
    for file, columns in tables.items():
        lines += ["", f"## {file}", "", "| name | meaning |", "| --- | --- |"]
        lines += [f"| {name} | {meaning} |" for name, meaning in columns.items()]
    lines += ["", "## Dimensions", ""]
    for name in dataset.config.dimension_ids:
        texts = [dimension_text(dataset.config, name, locale) for locale in dataset.config.title]
        lines.append(f"- `{name}`: {' / '.join(texts)}")
    lines += ["", "## Forms of G/S/B", ""]
    lines += [f"- `{name}` = {formula}" for name, formula in FORMULAS.items()]
    return "\n".join([*lines, ""])


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)


def _line(cells: list[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()
