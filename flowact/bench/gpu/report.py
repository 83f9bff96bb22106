"""What was measured on a GPU, section by section, written as soon as it is known."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from flowact import __version__
from flowact.errors import UserError
from flowact.files import atomic_write

RANDOM_WEIGHTS = "Large presets were measured with random weights: speed and memory are theirs, pictures are not."


@dataclass(frozen=True)
class Row:
    """One number.

    Attributes:
        what: was measured, in words.
        value: the number; `None` if it could not be had, and `note` says why.
        unit: of it.
        predicted: what `flowact plan` says of the same, in the same unit.
        note: how, or why not.
    """

    what: str
    value: float | None
    unit: str
    predicted: float | None = None
    note: str = ""


@dataclass
class SectionReport:
    """How a section went.

    Attributes:
        name: of the section.
        state: `done`, `stopped` at its limit of time, `failed` or `skipped`.
        why: of any state but the first.
        seconds: that it took.
        rows: what was measured before that.
    """

    name: str
    state: Literal["running", "done", "stopped", "failed", "skipped"] = "running"
    why: str = ""
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)


@dataclass
class GpuReport:
    """All sections, in a file that is complete at any time.

    Attributes:
        path: the JSON file.
        machine: what was measured on.
        sections: in the order in which they ran.
    """

    path: Path
    machine: dict[str, Any]
    sections: list[SectionReport] = field(default_factory=list)

    def write(self) -> None:
        """Write everything that is known.

        Raises:
            UserError: the file cannot be written.
        """
        told = {
            "flowact": __version__,
            "weights": RANDOM_WEIGHTS,
            "machine": self.machine,
            "sections": [asdict(section) for section in self.sections],
        }
        try:
            with atomic_write(self.path) as temporary:
                temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error


def describe_machine(device: torch.device) -> dict[str, Any]:
    """What somebody has to know of the machine to compare numbers."""
    told: dict[str, Any] = {
        "device": str(device), "torch": torch.__version__, "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }  # fmt: skip
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        told |= {
            "name": properties.name,
            "compute": [properties.major, properties.minor],
            "memory_gb": round(properties.total_memory / 1e9, 1),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "gpus": torch.cuda.device_count(),
        }
    return told


Rows = Iterator[Row]
"""What a section yields, one number after the other."""
