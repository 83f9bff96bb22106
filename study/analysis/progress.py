"""The plan of a study again, with the variation seen in the votes so far; nobody learns who is ahead."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from study.analysis.dataset import Dataset
from study.analysis.tidy_table import tabulated
from study.design import plan
from study.design.plan import StudyPlan
from study.statistics import power

MOST_TIES = 0.95  # a share of ties beyond it leaves nothing to plan with


def so_far(frame: pd.DataFrame, dataset: Dataset) -> dict[str, Any]:
    """As planned, and with the ties and the variation between raters and items seen so far.

    The difference to be found stays the planned one, and what is seen is pooled over systems.
    """
    config, systems = dataset.config, len(dataset.systems)
    items = int(dataset.meta["items"])
    tests = plan.families(config, systems)
    seen = _seen(frame, dataset)
    again = plan.plan(config, systems, items, seen) if seen else None
    return {
        "tests": tests.primary + tests.others,
        "first_tests": tests.primary,
        "problems": plan.shortfalls(config, systems, items),
        "planned": _values(plan.plan(config, systems, items)),
        "seen": _values(again) if again else None,
        "smallest_comparison": _smallest(frame, tests.primary, config.analysis.primary_dimension),
    }


def _values(made: StudyPlan) -> dict[str, Any]:
    values = asdict(made)
    values["table"] = [[raters, *row] for raters, row in made.table.items()]
    return values


def _seen(frame: pd.DataFrame, dataset: Dataset) -> power.Expected | None:
    primary = frame[frame["dimension"] == dataset.config.analysis.primary_dimension]
    groups = primary.groupby(["first", "second"], sort=True)
    found = power.components([tabulated(part) for _, part in groups])
    if found is None:
        return None
    ties = min(MOST_TIES, float((primary["score"] == 0).mean()))
    return power.expected(dataset.config.analysis.expected_true_rate, ties, *found)


def _smallest(frame: pd.DataFrame, comparisons: int, dimension: str) -> int:
    votes = frame[frame["dimension"] == dimension].groupby(["first", "second"]).size()
    return int(votes.min()) if len(votes) == comparisons else 0
