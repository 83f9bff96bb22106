"""Mean opinion scores, for questions that rate each side from 1 to 5."""

from __future__ import annotations

from typing import Any

import pandas as pd

from study.analysis.dataset import Dataset
from study.statistics import clustered
from study.statistics.bootstrap import tabulate

MIDDLE, REACH = 3.0, 2.0  # ratings lie in MIDDLE - REACH to MIDDLE + REACH


def opinions(frame: pd.DataFrame, dataset: Dataset) -> list[dict[str, Any]]:
    """Mean rating of every system on every rated question, with intervals over participants and items."""
    sides = [
        frame[["participant", "item", "dimension", system, rating]].set_axis(
            ["participant", "item", "dimension", "system", "rating"], axis=1
        )
        for system, rating in (("first", "rating_first"), ("second", "rating_second"))
    ]
    rated = pd.concat(sides).dropna(subset=["rating"])
    made = []
    for (dimension, system), part in rated.groupby(["dimension", "system"], sort=True):
        people, items = pd.factorize(part["participant"])[0], pd.factorize(part["item"])[0]
        scaled = (part["rating"].to_numpy(float) - MIDDLE) / REACH
        bounds = clustered.two_way_interval(
            tabulate(people, items, scaled), dataset.config.analysis.alpha
        )
        made.append(
            {
                "dimension": str(dimension),
                "system": str(system),
                "mean": float(part["rating"].mean()),
                "interval": bounds and [MIDDLE + REACH * bound for bound in bounds],
                "ratings": len(part),
            }
        )
    return made
