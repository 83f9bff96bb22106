"""Pictures of a report: the contact sheet and the drift curves."""

from pathlib import Path

import numpy as np
from PIL import Image

from flowact.evaluation.measures.drift import MEASURES, MINUTE, Drift
from flowact.evaluation.measures.measurements import SHOTS, Take


def contact_sheet(takes: list[Take], path: Path) -> None:
    """One row a person: the reference, then generated frames 0.72 s apart."""
    rows = [np.concatenate([take.portrait, *take.shots], 1) for take in takes]
    width = (SHOTS + 1) * rows[0].shape[0]
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]
    Image.fromarray(np.concatenate(padded)).save(path, quality=90)


def plot_drift(drift: Drift, path: Path) -> None:
    """Every measure of every session over time, one panel each, minutes as steps; lips only by minutes."""
    from matplotlib.figure import Figure

    minutes = drift.by_minute()
    figure = Figure(figsize=(9, 11), layout="constrained")
    panels = figure.subplots(len(minutes), 1, sharex=True)
    for (name, means), axes in zip(minutes.items(), panels, strict=True):
        highest = max(means)
        if name in MEASURES:
            values = getattr(drift, name)
            axes.plot(drift.seconds / MINUTE, values.T, linewidth=0.6, alpha=0.7)
            highest = float(values.max())
        axes.stairs(
            means, range(len(means) + 1), baseline=None, linewidth=1.8, color="black", zorder=3
        )
        axes.set_ylabel(name)
        axes.set_ylim(0, max(1.1 * highest, 1e-6))
        axes.grid(alpha=0.3)
    panels[-1].set_xlabel("minutes")
    figure.savefig(path, dpi=110)
