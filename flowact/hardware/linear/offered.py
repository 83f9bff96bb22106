"""Which number formats a checkpoint is offered in: those whose lips were measured to stay what they are.

`flowact eval --formats` writes `formats.json`, which lies in the folder of a checkpoint. A checkpoint without one
was not measured, and may be computed in any format.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from flowact.errors import UserError

FORMATS_FILE: Final = "formats.json"
MOST_LIPS: Final = 0.005
"""How much the correlation of lips in pixels may differ from float32's for a format to be offered."""


@dataclass(frozen=True)
class FormatCost:
    """What a format costs.

    Attributes:
        latents: relative error of latents made from the states of float32.
        stream: error of a stream that runs by itself, over the deviation of the motion.
        lips: correlation of the mouth's opening in pixels with the truth.
        lips_change: the same less that of float32.
        closures_shut: share of P, B and M in which the lips are shut.
        offered: whether the change is small enough.
    """

    latents: float
    stream: float
    lips: float
    lips_change: float
    closures_shut: float
    offered: bool


def write_formats(folder: Path, costs: dict[str, FormatCost]) -> Path:
    """Write `formats.json` into a folder."""
    path = folder / FORMATS_FILE
    rounded = {
        name: {key: round(value, 4) for key, value in asdict(cost).items()}
        for name, cost in costs.items()
    }
    path.write_text(json.dumps(rounded, indent=2) + "\n")
    return path


def read_formats(folder: Path) -> dict[str, FormatCost]:
    """Read a checkpoint's `formats.json`; nothing where there is none.

    Raises:
        UserError: it is damaged.
    """
    path = folder / FORMATS_FILE
    if not path.is_file():
        return {}
    try:
        return {
            name: FormatCost(**numbers) for name, numbers in json.loads(path.read_text()).items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"The checkpoint {folder} is damaged: {FORMATS_FILE} is not readable."
        ) from error


def refusals(costs: dict[str, FormatCost]) -> dict[str, str]:
    """Why formats are not offered, by the name of each."""
    return {
        name: f"this checkpoint's lips would differ by {cost.lips_change:+.3f} from float32's"
        for name, cost in costs.items()
        if not cost.offered
    }
