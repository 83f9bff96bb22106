"""Pictures of a report: the contact sheet and the drift curves."""

from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from flowact.evaluation.measure import Drift
from flowact.evaluation.subjects import Subject
from flowact.pipeline import FlowActPipeline

COLUMNS = 7
STRIDE = 18  # frames between two columns, 0.72 s


def contact_sheet(pipeline: FlowActPipeline, subjects: list[Subject], path: Path) -> None:
    """One row a person: the reference, then generated frames 0.72 s apart."""
    rows = []
    for subject in subjects:
        frames = list(islice(subject.stream(pipeline), (COLUMNS - 1) * STRIDE))
        shown = [subject.reference, *frames[STRIDE // 2 :: STRIDE]]
        rows.append(
            np.concatenate([*shown, *[np.zeros_like(shown[0])] * (COLUMNS - len(shown))], 1)
        )
    Image.fromarray(np.concatenate(rows, 0)).resize((COLUMNS * 320, len(rows) * 320)).save(
        path, quality=88
    )


def plot_drift(drift: Drift, path: Path) -> None:
    """Identity, colour, sharpness and motion over time, one panel each."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = ("identity", "colour", "sharpness", "motion")
    figure, axes = pyplot.subplots(len(names), 1, figsize=(9, 8), sharex=True)
    for name, axis in zip(names, axes, strict=True):
        axis.plot(drift.seconds / 60, getattr(drift, name), linewidth=0.8)
        axis.set_ylabel(name)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
