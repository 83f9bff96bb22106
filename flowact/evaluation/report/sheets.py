"""Contact sheets of `flowact eval --judge`: where talking portraits and hands are at their worst."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flowact.evaluation.measures.hand_gestures import GESTURES, Gesture
from flowact.evaluation.measures.sight import Frame, face_box
from flowact.evaluation.measures.talking_portraits import Row, Worst
from flowact.timebase import FACE_BOX

CELL: Final = FACE_BOX[2]
LINE: Final = 22
"""Pixels of a line of text above each picture."""


@dataclass(frozen=True)
class SheetRow:
    """One line of the sheet of portraits: the picture as the model sees it, its measures, its worst frames."""

    name: str
    reference: Frame
    row: Row
    worst: Worst


def portrait_sheet(shown: Sequence[SheetRow], path: Path) -> None:
    """One line a picture: the reference, the least shut blink, the mouth furthest behind, the least like it."""
    lines = []
    for one in shown:
        row, worst = one.row, one.worst
        cells = (
            (one.name, face_box(one.reference)),
            (f"blinks {row['blinks_seen']:.2f}, max {row['blink_max']:.2f}", worst.blink),
            (f"opening {row['opening']:.2f}, jaw {row['jaw']:.2f}", worst.mouth),
            (f"identity {row['identity']:.2f}", worst.identity),
        )
        lines.append(np.concatenate([_labelled(text, cell) for text, cell in cells], 1))
    _save(lines, path)


def hand_sheet(found: Sequence[Gesture], path: Path) -> None:
    """One line a character: every gesture as it is rendered, and as it is generated."""
    lines = []
    for start in range(0, len(found), len(GESTURES)):
        cells = []
        for gesture in found[start : start + len(GESTURES)]:
            rendered, generated = gesture.shown
            name = f"{gesture.character}, {gesture.behaviour.replace('_', ' ')}"
            cells.append(_labelled(f"{name}: {gesture.rendered.mean():.2f}", rendered[::2, ::2]))
            cells.append(
                _labelled(f"generated: {gesture.generated.mean():.2f}", generated[::2, ::2])
            )
        lines.append(np.concatenate(cells, 1))
    _save(lines, path)


def _labelled(text: str, picture: Frame) -> Frame:
    """A picture uint8 `[240, 240, 3]` under a line of text."""
    cell = Image.new("RGB", (CELL, CELL + LINE), "white")
    cell.paste(Image.fromarray(np.ascontiguousarray(picture)), (0, LINE))
    ImageDraw.Draw(cell).text((4, 3), text, "black", ImageFont.load_default(14))
    return np.asarray(cell)


def _save(lines: Sequence[Frame], path: Path) -> None:
    Image.fromarray(np.concatenate(lines)).save(path, quality=90)
