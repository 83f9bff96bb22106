"""Figures of a report: diverging G/S/B bars with intervals, coverage, exclusions; as SVG or PNG."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["svg", "png"]
INK, SOFT = "#1c1d1e", "#5b5d5f"
PLAIN: dict[str, Any] = {"parse_math": False}  # names may hold dollar signs
GOOD, SAME, BAD = "#1d5b7e", "#cfcfca", "#a05a10"
_DRAWING = threading.Lock()


def drawn_by() -> str:
    """The program whose version decides the figures' bytes."""
    return f"matplotlib {version('matplotlib')}"


def gsb_bars(rows: Sequence[Mapping[str, Any]], form: Format = "svg") -> bytes:
    """Diverging bars: worse to the left, better to the right, ties in the middle; net with interval.

    `rows` are those of `report()["primary"]`.
    """
    figure = _figure(9, 0.9 + 0.46 * max(1, len(rows)))
    axes = figure.add_subplot()
    for number, row in enumerate(rows):
        _gsb_row(axes, -number, row)
    axes.axvline(0, color=INK, lw=0.8, zorder=3)
    labels = [
        f"{row['first']} against {row['second']}  ·  {row['dimension'].replace('_', ' ')}"
        for row in rows
    ]
    axes.set_yticks([-number for number in range(len(rows))], labels, **PLAIN)
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlim(-1.02, 1.02)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["100 % worse", "50 %", "0", "50 %", "100 % better"])
    axes.set_title(
        "left the first is worse, middle the same, right better; dot and line: net preference",
        loc="left",
        fontsize=9,
        color=SOFT,
    )
    _plain(axes)
    return _render(figure, form)


def item_dots(rows: Sequence[Mapping[str, Any]], form: Format = "svg") -> bytes:
    """Net preference on each item, one line of dots for each comparison and question.

    `rows` are those of `report()["items"]`.
    """
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        name = f"{row['first']} against {row['second']}  ·  {row['dimension'].replace('_', ' ')}"
        lines.setdefault(name, []).append(row)
    items = sorted({row["item"] for row in rows})
    figure = _figure(3.2 + 0.6 * max(3, len(items)), 1.2 + 0.4 * max(1, len(lines)))
    axes = figure.add_subplot()
    for y, parts in enumerate(lines.values()):
        for row in parts:
            x, net = items.index(row["item"]), float(row["net"])
            colour = GOOD if net > 0 else BAD if net < 0 else SAME
            axes.barh(-y, 0.4 * net, 0.5, left=x, color=colour)
            axes.text(x, -y + 0.28, f"{net:+.2f}", ha="center", fontsize=7, color=SOFT)
    axes.set_xticks(range(len(items)), items, rotation=30, ha="right", **PLAIN)
    axes.set_yticks([-y for y in range(len(lines))], list(lines), **PLAIN)
    axes.set_xlim(-0.6, max(0, len(items) - 1) + 0.6)
    axes.set_title("net preference by item", loc="left", fontsize=10, color=SOFT)
    _plain(axes)
    return _render(figure, form)


def strength_lines(made: Mapping[str, Any], form: Format = "svg") -> bytes:
    """Strengths with intervals, by question; `made` is `report()["strengths"]`."""
    rows = [
        (
            f"{system}  ·  {dimension.replace('_', ' ')}",
            value,
            (part["intervals"] or {}).get(system),
        )
        for dimension, part in made.items()
        if "strengths" in part
        for system, value in part["strengths"].items()
    ]
    figure = _figure(7, 0.9 + 0.34 * max(1, len(rows)))
    axes = figure.add_subplot()
    axes.axvline(0, color=SAME, lw=0.8)
    for y, (_, value, bounds) in enumerate(rows):
        if bounds is not None:
            axes.plot(bounds, [-y, -y], color=INK, lw=1.6, solid_capstyle="butt")
        axes.plot([value], [-y], "o", color=GOOD, mec="white", ms=7)
    axes.set_yticks([-y for y in range(len(rows))], [name for name, _, _ in rows], **PLAIN)
    title = "strength (Davidson), right is better" if rows else "strengths need three systems"
    axes.set_title(title, loc="left", fontsize=10, color=SOFT)
    _plain(axes)
    return _render(figure, form)


def coverage_grid(
    counts: Mapping[tuple[str, str], int], form: Format = "svg", unit: str = "votes"
) -> bytes:
    """Heat map of votes by comparison (rows) and item (columns)."""
    rows = sorted({row for row, _ in counts})
    columns = sorted({column for _, column in counts})
    grid = np.array([[counts.get((row, column), 0) for column in columns] for row in rows])
    grid = grid.reshape(len(rows), len(columns))
    figure = _figure(2.2 + 0.6 * max(3, len(columns)), 1.0 + 0.45 * max(1, len(rows)))
    axes = figure.add_subplot()
    if grid.size:
        axes.imshow(grid, cmap="Greys", vmin=0, vmax=max(1, 2 * grid.max()), aspect="auto")
    for (y, x), number in np.ndenumerate(grid):
        axes.text(x, y, str(number), ha="center", va="center", fontsize=9, color=INK)
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", **PLAIN)
    axes.set_yticks(range(len(rows)), rows, **PLAIN)
    axes.set_title(f"{unit} by comparison and item", loc="left", fontsize=10, color=SOFT)
    _plain(axes)
    return _render(figure, form)


def exclusion_bars(reasons: Mapping[str, int], form: Format = "svg") -> bytes:
    """How often each check led to a fail or unchecked verdict."""
    names = sorted(reasons, key=lambda name: -reasons[name])
    figure = _figure(4.6, 0.8 + 0.36 * max(1, len(names)))
    axes = figure.add_subplot()
    axes.barh([-n for n in range(len(names))], [reasons[n] for n in names], 0.6, color=SOFT)
    for number, name in enumerate(names):
        axes.annotate(
            str(reasons[name]),
            (reasons[name], -number),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_yticks([-n for n in range(len(names))], [n.replace("_", " ") for n in names])
    axes.set_xticks([])
    title = "participants by reason" if names else "no participant was excluded or left unchecked"
    axes.set_title(title, loc="left", fontsize=10, color=SOFT)
    _plain(axes)
    return _render(figure, form)


def _gsb_row(axes: Axes, y: float, row: Mapping[str, Any]) -> None:
    total = row["votes"]
    good, same, bad = (row[name] / total for name in ("good", "same", "bad"))
    axes.barh(y, same, 0.62, left=-same / 2, color=SAME)
    axes.barh(y, good, 0.62, left=same / 2, color=GOOD)
    axes.barh(y, -bad, 0.62, left=-same / 2, color=BAD)
    net = row["forms"]["net"]
    if row["interval"] is not None:
        low, high = row["interval"]
        axes.plot([low, high], [y, y], color="white", lw=4.5, solid_capstyle="butt", zorder=4)
        axes.plot([low, high], [y, y], color=INK, lw=1.6, solid_capstyle="butt", zorder=5)
    axes.plot([net], [y], "o", color=INK, mec="white", mew=1.0, ms=6, zorder=6)
    words = f"{row['good']} / {row['same']} / {row['bad']}"
    axes.text(1.04, y, words, va="center", fontsize=9, color=SOFT, clip_on=False)


def _figure(width: float, height: float) -> Figure:
    """A figure outside pyplot, so that threads of a server do not share state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    return figure


def _plain(axes: Axes) -> None:
    axes.patch.set_alpha(0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, colors=INK, labelsize=9)


def _render(figure: Figure, form: Format) -> bytes:
    import matplotlib

    buffer = io.BytesIO()
    # A fixed salt and no date make equal figures equal bytes. The salt is set for the whole process, so that another
    # thread that finishes in between would take it away.
    with _DRAWING, matplotlib.rc_context({"svg.hashsalt": "study", "svg.fonttype": "none"}):
        metadata: dict[str, Any] = {"Date": None} if form == "svg" else {}
        figure.savefig(buffer, format=form, dpi=200, metadata=metadata)
    return buffer.getvalue()
