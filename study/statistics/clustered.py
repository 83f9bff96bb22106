"""The test of "no preference" behind the published p value, with votes clustered by person and by item."""

from __future__ import annotations

import math

from scipy import stats

from study.statistics.bootstrap import Table


def two_way_test(table: Table) -> float:
    """Two-sided p value for a net preference of zero.

    The variance of the total is that between people, plus that between items, less that of single cells,
    which both contain (Cameron, Gelbach and Miller, 2011, "Robust inference with multiway clustering"),
    and never below either level's own; it is compared with Student's t on one degree of freedom fewer than
    the smaller number of clusters. A test on one level alone takes the other's variation for signal and
    rejects true null hypotheses too often.
    """
    net, (people, items) = table.net, table.sums.shape
    if net == 0 or min(people, items) < 2:
        return 1.0
    rest = table.sums - net * table.numbers
    by_person = float((rest.sum(axis=1) ** 2).sum()) * people / (people - 1)
    by_item = float((rest.sum(axis=0) ** 2).sum()) * items / (items - 1)
    variance = max(by_person + by_item - float((rest**2).sum()), by_person, by_item)
    floor = smallest_p(min(people, items))
    if variance == 0:
        return floor
    t = abs(float(table.sums.sum())) / math.sqrt(variance)
    return max(floor, float(2 * stats.t.sf(t, min(people, items) - 1)))


def smallest_p(clusters: int) -> float:
    """What the exact sign test says of clusters that all agree: no test of so few may say more.

    Without this floor a handful of items that differ much make the t test reject too often.
    """
    return float(2.0 ** (1 - clusters))


def fewest_clusters(alpha: float) -> int:
    """Smallest number of people, and of items, with which a p value of `alpha` can be reached."""
    return max(2, math.ceil(1 - math.log2(alpha)))


def t_over_normal(clusters: int, alpha: float, power: float) -> float:
    """How many times more votes a test on so few clusters needs than one on endlessly many."""
    reach = stats.norm.ppf(power)
    few = stats.t.ppf(1 - alpha / 2, clusters - 1) + reach
    return float((few / (stats.norm.ppf(1 - alpha / 2) + reach)) ** 2)
