"""CSV that is safe to open in a spreadsheet, JSON lines and the codebook."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from study import canonical
from study.analysis.dataset import Dataset
from study.analysis.tidy_table import COLUMNS
from study.design.translations import dimension_text
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


def codebook(dataset: Dataset) -> str:
    """What every column and number means, as Markdown."""
    lines = [f"# Codebook of {dataset.config.name}", "", "## votes.csv", ""]
    lines += ["| column | meaning |", "| --- | --- |"]
    lines += [f"| {name} | {meaning} |" for name, meaning in COLUMNS.items()]
    lines += ["", "## Dimensions", ""]
    for name in dataset.config.dimension_ids:
        texts = [dimension_text(dataset.config, name, locale) for locale in dataset.config.title]
        lines.append(f"- `{name}`: {' / '.join(texts)}")
    lines += ["", "## Forms of G/S/B", ""]
    lines += [f"- `{name}` = {formula}" for name, formula in FORMULAS.items()]
    lines += [
        "",
        "`interval` and `p` of `net` are those of a t test clustered by participant and by item; "
        "`bootstrap_interval` is that of a bootstrap over both. `p_adjusted` belongs to all tests: Holm over "
        "the primary question, then Holm over the others, which count only once the first have all "
        "succeeded. `at_the_floor`: the interval ends where so few participants or items let it end.",
        "",
    ]
    return "\n".join(lines)


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)


def _line(cells: list[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue()
