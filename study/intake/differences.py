"""What the systems' videos differ in: a table by system, and a sentence with its cure for each difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from study.encoding.clip_format import judder
from study.intake.inspection import Inspected, Inspection, seconds_of

SEEN_JUDDER = 0.004  # seconds; less is not seen
SEEN_SCALE = 1.25
HEARD_LEVEL = 6.0  # LU
COLUMNS = ("system", "videos", "size", "frames/s", "seconds", "sound", "stored")


def table(found: Inspection) -> str:
    """What was read, a line for each system, and the form that clips will have."""
    systems = dict.fromkeys(row.entry.system for row in found.rows)
    lines = [COLUMNS, *(_line(system, found.of_system(system)) for system in systems)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    printed = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    form = found.form
    shown = f"Clips will have {form.width}x{form.height} pixels and {form.fps} frames a second ({form.fit})."
    return "\n".join([*printed, shown])


def sentences(found: Inspection) -> Iterator[str]:
    """One for each difference that raters would see, or a reviewer would ask about."""
    systems = {row.entry.system: found.of_system(row.entry.system) for row in found.rows}
    yield from _framing(found, systems)
    yield from _sizes(found, systems)
    yield from _rates(found, systems)
    yield from _lengths(found)
    yield from _stored(systems)
    yield from _levels(found, systems)
    for row in found.rows:
        if row.video.damaged:
            yield (
                f"{row.entry.file}: {row.video.damaged} damaged packets were left out; copy or encode it again"
            )


def _line(system: str, rows: Sequence[Inspected]) -> tuple[str, ...]:
    low, high = seconds_of(rows)
    levels = [row.level for row in rows if np.isfinite(row.level)]
    return (
        system,
        str(len(rows)),
        _counted(f"{row.video.width}x{row.video.height}" for row in rows),
        _counted(f"{row.video.rate:.4g}{'*' * row.video.variable_rate}" for row in rows),
        f"{low:.2f}" if high - low < 0.005 else f"{low:.2f}-{high:.2f}",
        f"{np.mean(levels):.1f} LUFS" if levels else "none",
        _counted(", ".join(_peculiar(row)) or row.video.codec for row in rows),
    )


def _counted(values: Iterable[str]) -> str:
    """Each value once; with how often it is there if there are several."""
    counts = Counter(values)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{value} ({count})" for value, count in counts.most_common())


def _peculiar(row: Inspected) -> list[str]:
    video = row.video
    said = {
        "turned": video.turned,
        "stretched": not video.square_pixels,
        "interlaced": video.interlaced,
        "wide colour": video.wide_colour,
        "variable rate": video.variable_rate,
    }
    return [word for word, true in said.items() if true]


def _framing(found: Inspection, systems: dict[str, list[Inspected]]) -> Iterator[str]:
    """Bars, or what is cut off."""
    canvas = found.form.width / found.form.height
    other = [name for name, rows in systems.items() if any(_off(row, canvas) for row in rows)]
    if not other:
        return
    names = _names(other)
    if found.form.fit == "pad":
        yield (
            f"framing: videos of {names} have another shape than {found.form.width}x{found.form.height} and would "
            "stand between grey bars, which tells them at sight; set stimuli.fit: crop, or cut all videos alike"
        )
    else:
        yield (
            f"framing: the edges of videos of {names} are cut off to fill {found.form.width}x{found.form.height}; "
            "look whether faces are whole and equally large, or cut all videos alike yourself"
        )


def _off(row: Inspected, canvas: float) -> bool:
    return abs(row.video.width / row.video.height / canvas - 1) > 0.03


def _sizes(found: Inspection, systems: dict[str, list[Inspected]]) -> Iterator[str]:
    def scale(row: Inspected) -> float:
        return min(found.form.width / row.video.width, found.form.height / row.video.height)

    small = [name for name, rows in systems.items() if _median(rows, scale) > SEEN_SCALE]
    if small and len(small) < len(systems):
        yield (
            f"size: videos of {_names(small)} are enlarged and look softer; that is fair if the system makes no "
            "larger ones, else export all in one size"
        )


def _rates(found: Inspection, systems: dict[str, list[Inspected]]) -> Iterator[str]:
    uneven = [
        name
        for name, rows in systems.items()
        if _median(rows, lambda row: judder(row.video.rate, found.form.fps)) > SEEN_JUDDER
        and not any(abs(row.video.rate / found.form.fps - 1) < 0.002 for row in rows)
    ]
    if uneven:
        yield (
            f"rate: {_names(uneven)} moves less evenly at {found.form.fps} frames a second than it was made; export "
            "all videos with one rate, or set stimuli.fps"
        )


def _lengths(found: Inspection) -> Iterator[str]:
    for item, frames in found.frames.items():
        rows = [row for row in found.rows if row.entry.item == item]
        low, high = seconds_of(rows)
        if high - low > 1.001 / found.form.fps:
            yield (
                f"length: the videos of item {item!r} last {low:.2f} to {high:.2f} s; "
                f"{frames / found.form.fps:.2f} s of each are shown"
            )


def _stored(systems: dict[str, list[Inspected]]) -> Iterator[str]:
    """What was done to show files as a player would."""
    done = {
        "turned": "turned upright, as their files say",
        "stretched": "stretched to square pixels, as their files say",
        "interlaced": "shown with every other line alone, as each frame holds two moments; export them progressive if "
        "you can",
        "wide colour": "brought from high dynamic range or wide colours to those of ordinary screens",
        "variable rate": "of variable frame rate and brought to a steady one",
    }
    for word, what in done.items():
        names = [
            name for name, rows in systems.items() if any(word in _peculiar(row) for row in rows)
        ]
        if names:
            yield f"{word}: videos of {_names(names)} are {what}; look at a clip of each"


def _levels(found: Inspection, systems: dict[str, list[Inspected]]) -> Iterator[str]:
    if all(row.entry.audio for row in found.rows):
        return
    heard = [_median(rows, lambda row: row.level) for rows in systems.values()]
    finite = [level for level in heard if np.isfinite(level)]
    if finite and (max(finite) - min(finite) > HEARD_LEVEL or len(finite) < len(heard)):
        yield (
            "sound: the systems' own sounds differ by more than 6 LU or are missing; clips are made equally loud, but "
            "name one driving sound for each item in the column audio if it is the same"
        )


def _median(rows: Sequence[Inspected], value: Callable[[Inspected], float]) -> float:
    return float(np.median([value(row) for row in rows]))


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
