"""How `flowact eval` writes down what it measured: as JSON, and as tables beside the targets."""

import math
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from flowact.evaluation.report.targets import TARGETS

WIDEST: Final = 130
"""Columns of text that a table of many measures may take."""


def plain(value: Any) -> Any:
    """What JSON can hold: not-a-number becomes null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_section(title: str, numbers: dict[str, Any]) -> None:
    """Print the numbers of a section, each beside its target if it has one; or a section of rows as one table."""
    if numbers and all(isinstance(value, dict) for value in numbers.values()):
        print_rows(title, numbers)
        return
    table = Table(title=title)
    for column in ("measure", "value", "target", ""):
        table.add_column(column, justify="left" if column in ("measure", "") else "right")
    for name, value in numbers.items():
        target = TARGETS.get(title, {}).get(name)
        met = "" if target is None else "met" if target.met(value) else "missed"
        table.add_row(name, _text(value), str(target or ""), met)
    Console().print(table)


def print_rows(title: str, rows: dict[str, dict[str, Any]]) -> None:
    """Print one table with a line for every row; all rows have the same measures."""
    names = next(iter(rows.values()))
    table = Table(title=title)
    table.add_column("")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for label, row in rows.items():
        table.add_row(label, *(_short(value) for value in row.values()))
    console = Console()
    console.width = max(console.width, WIDEST)  # a narrower table cuts its numbers
    console.print(table)


def _short(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)
