"""The published interval and p value of the net preference, with votes clustered by person and by item."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.statistics.bootstrap import Table


def two_way_test(table: Table) -> float:
    """Two-sided p value for a net preference of zero: a t test with the variance of `_deviation`.

    A test on one level alone takes the other's variation for signal and rejects true null hypotheses too
    often. No p value is below what the exact sign test says of as few clusters when all of them agree:
    a handful of items that differ much would make the t test reject too often as well.
    """
    net, clusters = table.net, _clusters(table)
    if net == 0 or min(table.sums.shape) < 2:
        return 1.0
    floor, deviation = float(2.0 ** (1 - clusters)), _deviation(table)
    if deviation == 0:
        return floor
    return max(floor, float(2 * stats.t.sf(abs(net) / deviation, clusters - 1)))


def two_way_interval(table: Table, alpha: float) -> tuple[float, float] | None:
    """Interval of the net preference that belongs to `two_way_test`; None for one person or one item.

    It holds exactly the values that the test would not reject, its floor included: however well the votes
    agree, so few people or items leave every value up to `_floor` possible.
    """
    if min(table.sums.shape) < 2:
        return None
    clusters = _clusters(table)
    half = float(stats.t.ppf(1 - alpha / 2, clusters - 1)) * _deviation(table)
    reach = _floor(clusters, alpha)
    return max(-1.0, min(reach, table.net - half)), min(1.0, max(-reach, table.net + half))


def at_the_floor(table: Table, alpha: float) -> bool:
    """Whether the interval's end towards zero is set by the number of clusters, not by the votes."""
    if min(table.sums.shape) < 2:
        return False
    clusters = _clusters(table)
    half = float(stats.t.ppf(1 - alpha / 2, clusters - 1)) * _deviation(table)
    return abs(table.net) - half > _floor(clusters, alpha)


def fewest_clusters(alpha: float) -> int:
    """Smallest number of people, and of items, with which a p value of `alpha` can be reached."""
    return max(2, math.ceil(1 - math.log2(alpha)))


def _floor(clusters: float, alpha: float) -> float:
    """The net preference under which all of so few clusters agree with a chance of alpha / 2."""
    return float(2 * (alpha / 2) ** (1 / clusters) - 1)


def _deviation(table: Table) -> float:
    """Standard deviation of the net preference.

    The variance between people, plus that between items, less that of single cells, which both contain
    (Cameron, Gelbach and Miller, 2011, "Robust inference with multiway clustering"), and never below
    either level's own.
    """
    people, items = table.sums.shape
    rest = table.sums - table.net * table.numbers
    by_person = float((rest.sum(axis=1) ** 2).sum()) * people / (people - 1)
    by_item = float((rest.sum(axis=0) ** 2).sum()) * items / (items - 1)
    variance = max(by_person + by_item - float((rest**2).sum()), by_person, by_item)
    return math.sqrt(variance) / float(table.numbers.sum())


def _clusters(table: Table) -> float:
    """Number of clusters on the level with fewer, where one with few votes counts for less.

    That of equal ones which weigh as much, (sum n)^2 / sum n^2; at least just above one.
    """

    def effective(numbers: NDArray[np.float64]) -> float:
        return float(numbers.sum() ** 2 / (numbers**2).sum())

    levels = (effective(table.numbers.sum(axis=axis)) for axis in (0, 1))
    return max(1.0 + 1e-9, min(levels))
