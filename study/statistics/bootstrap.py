"""Bootstrap intervals of the net preference that respect who voted and on what: descriptive.

Votes of one participant resemble each other, and so do votes on one item. Weighting both at once with
independent multinomial draws (a product-weight two-way bootstrap; Owen and Eckles, 2012,
"Bootstrapping data arrays of arbitrary order") covers from about ten of either on; ignoring the clusters
does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Clusters = Literal["both", "participants", "none"]


@dataclass(frozen=True)
class Table:
    """Scores gathered by participant and item: sums and numbers of votes, both [people, items]."""

    sums: Array
    numbers: Array

    @property
    def net(self) -> float:
        """Net preference of all votes."""
        return float(self.sums.sum() / self.numbers.sum())


def tabulate(people: NDArray[np.int64], items: NDArray[np.int64], scores: Array) -> Table:
    """Gather votes: three arrays [votes], the first two counting from 0."""
    shape = (int(people.max()) + 1, int(items.max()) + 1)
    sums, numbers = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (people, items), scores)
    np.add.at(numbers, (people, items), 1.0)
    return Table(sums, numbers)


def resample(table: Table, clusters: Clusters, resamples: int, seed: int) -> Array:
    """Net preference of `resamples` reweighted data sets: [resamples], without empty ones.

    For clusters="none" a table of single votes is expected (one person per row).
    """
    rng = np.random.default_rng(seed)
    people, items = table.sums.shape
    by_person = rng.multinomial(people, np.full(people, 1 / people), resamples).astype(float)
    by_item = np.ones((resamples, items))
    if clusters == "both":
        by_item = rng.multinomial(items, np.full(items, 1 / items), resamples).astype(float)
    sums = ((by_person @ table.sums) * by_item).sum(axis=1)
    numbers = ((by_person @ table.numbers) * by_item).sum(axis=1)
    full = numbers > 0
    nets: Array = sums[full] / numbers[full]
    return nets


def interval(
    table: Table, alpha: float, resamples: int, seed: int, clusters: Clusters = "both"
) -> tuple[float, float] | None:
    """Percentile interval of the net preference; None when there is only one person or one item."""
    people, items = table.sums.shape
    if people < 2 or (clusters == "both" and items < 2):
        return None
    nets = resample(table, clusters, resamples, seed)
    low, high = np.quantile(nets, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def naive_interval(scores: Array, alpha: float) -> tuple[float, float]:
    """What one gets by treating every vote as independent; kept to show how wrong it is."""
    from scipy import stats

    half = stats.norm.ppf(1 - alpha / 2) * scores.std(ddof=1) / np.sqrt(scores.size)
    return float(scores.mean() - half), float(scores.mean() + half)


def design_effect(table: Table, scores: Array, resamples: int, seed: int) -> float | None:
    """Variance of the two-way bootstrap over the variance of independent votes; at least 1.

    None when it cannot be estimated (one person, one item, or all votes equal).
    """
    people, items = table.sums.shape
    plain = scores.var() / scores.size
    if people < 2 or items < 2 or plain == 0:
        return None
    return max(1.0, float(resample(table, "both", resamples, seed).var() / plain))
