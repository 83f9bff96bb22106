"""What a run reports: one JSON line per report and a picture of its curves."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

Values = Mapping[str, float | Tensor]


class Average:
    """Means of named numbers since the last `take`; tensors are read only then."""

    def __init__(self) -> None:
        self._sums: dict[str, float | Tensor] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)

    def add(self, values: Values) -> None:
        """Count one set of values in."""
        for name, value in values.items():
            self._sums[name] += value.detach() if isinstance(value, Tensor) else value
            self._counts[name] += 1

    def take(self) -> dict[str, float]:
        """The means, and start afresh."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums.clear()
        self._counts.clear()
        return means


class MetricsLog:
    """The file `metrics.jsonl` of a run."""

    def __init__(self, run: Path) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self.path = run / "metrics.jsonl"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append one line: step, Unix time and the values (not-a-number becomes null)."""
        clean = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with self.path.open("a") as stream:
            stream.write(json.dumps({"step": step, "time": round(time.time(), 1), **clean}) + "\n")

    def read(self) -> list[dict[str, float | None]]:
        """All lines written so far."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def plot_metrics(log: MetricsLog, picture: Path) -> None:
    """Draw every metric of a log over the steps into one PNG."""
    from matplotlib.figure import Figure

    lines = log.read()
    names = sorted({name for line in lines for name in line} - {"step", "time"})
    if not names:
        return
    rows = math.ceil(len(names) / 4)
    figure = Figure(figsize=(16, 2.5 * rows))  # a layout that measures texts takes twice as long
    figure.subplots_adjust(0.04, 0.3 / rows, 0.99, 1 - 0.3 / rows, hspace=0.45, wspace=0.25)
    for axes, name in zip(figure.subplots(rows, 4, squeeze=False).flat, names, strict=False):
        points = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
        axes.plot(*zip(*points, strict=True), linewidth=0.8) if points else None
        axes.set_title(name, fontsize=9)
        axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=70)


def finite(value: Tensor) -> bool:
    """Whether a loss can be trained on."""
    return bool(torch.isfinite(value.detach()).all())


def correlation(a: Tensor, b: Tensor) -> float:
    """Mean over clips of Pearson's r over frames of `[clips, frames]`."""
    a, b = (x - x.mean(1, keepdim=True) for x in (a, b))
    return float(F.cosine_similarity(a, b, dim=1).mean())
