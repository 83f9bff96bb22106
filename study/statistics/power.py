"""What a design can show: power from the variance between raters, between items and of single votes.

More raters shrink the first and the last of the three, never the second: with few items that differ, no
number of raters is enough. The scale is that of the net preference, (G - B) / N, from -1 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.statistics.bootstrap import Table
from study.statistics.clustered import fewest_clusters

POWER = 0.8
MOST_RATERS = 20_000  # beyond it, more raters change nothing
GRID = 80  # quantiles of each variance estimate over which the power is averaged

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Expected:
    """One comparison on one question, as it is expected to turn out.

    Attributes:
        net: the net preference that shall be found.
        variance: of one vote, over all raters and items.
        rater_sd: standard deviation of the raters' own net preferences.
        item_sd: standard deviation of the items' own net preferences.
    """

    net: float
    variance: float
    rater_sd: float
    item_sd: float

    @property
    def noise(self) -> float:
        """Variance of one vote of a given rater on a given item."""
        return max(0.0, self.variance - self.rater_sd**2 - self.item_sd**2)


def expected(true_rate: float, tie_share: float, rater_sd: float, item_sd: float) -> Expected:
    """From the share of the better system among decisive votes, and that of ties among all."""
    if not 0.5 < true_rate < 1:
        raise ValueError(f"true_rate is {true_rate}, expected between 0.5 and 1")
    net = (2 * true_rate - 1) * (1 - tie_share)
    return Expected(net, (1 - tie_share) - net**2, rater_sd, item_sd)


def power(expected: Expected, raters: int, items: int, each: float, alpha: float) -> float:
    """Chance that `clustered.two_way_test` reaches `alpha`.

    Every rater votes on `each` of the `items`. The test's own estimate of its variance is random too: the
    chance is averaged over the distributions of the part between raters and of the part between items.
    """
    each = min(each, items)
    if min(raters, items) < fewest_clusters(alpha):
        return 0.0
    votes = raters * each
    by_rater, by_item = expected.rater_sd**2 / raters, expected.item_sd**2 / items
    true = by_rater + by_item + expected.noise / votes
    if true == 0:
        return 1.0
    cell = expected.variance / votes
    seen_raters = (by_rater + cell - expected.rater_sd**2 / votes) * _quantiles(raters - 1)
    seen_items = (by_item + cell - expected.item_sd**2 / votes) * _quantiles(items - 1)
    p, i = seen_raters[:, None], seen_items[None, :]
    seen = np.sqrt(np.maximum(np.maximum(p + i - cell, p), i))
    reach = stats.t.ppf(1 - alpha / 2, min(raters, items) - 1) * seen
    above = stats.norm.sf((reach - expected.net) / math.sqrt(true))
    below = stats.norm.cdf((-reach - expected.net) / math.sqrt(true))
    return float((above + below).mean())


def raters_needed(
    expected: Expected, items: int, each: float, alpha: float, wanted: float = POWER
) -> int | None:
    """Fewest raters with which the power is `wanted`; None when no number of them is enough."""
    low, high = fewest_clusters(alpha) - 1, MOST_RATERS
    if power(expected, high, items, each, alpha) < wanted:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if power(expected, middle, items, each, alpha) < wanted:
            low = middle
        else:
            high = middle
    return high


def components(tables: list[Table]) -> tuple[float, float] | None:
    """Standard deviations between raters and between items, pooled over comparisons.

    By products of pairs of votes: two of one rater on different items, two on one item by different
    raters, two that share neither. Unbiased for the variances; a negative one counts as none. None where
    one of the three kinds of pairs is missing. Every rater votes at most once on an item.
    """
    products, pairs = np.zeros(3), np.zeros(3)
    for table in tables:
        for kind, (product, number) in enumerate(_pairs(table)):
            products[kind] += product
            pairs[kind] += number
    if not pairs.all():
        return None
    rater, item, neither = products / pairs
    return math.sqrt(max(0.0, rater - neither)), math.sqrt(max(0.0, item - neither))


def _pairs(table: Table) -> tuple[tuple[float, float], ...]:
    """Sum of products and number of ordered pairs: of one rater, of one item, of neither."""
    sums, numbers = table.sums, table.numbers
    single, votes = float((sums**2).sum()), float(numbers.sum())
    rater = float((sums.sum(axis=1) ** 2).sum()), float((numbers.sum(axis=1) ** 2).sum())
    item = float((sums.sum(axis=0) ** 2).sum()), float((numbers.sum(axis=0) ** 2).sum())
    neither = float(sums.sum()) ** 2 - rater[0] - item[0] + single
    return (
        (rater[0] - single, rater[1] - votes),
        (item[0] - single, item[1] - votes),
        (neither, votes**2 - rater[1] - item[1] + votes),
    )


def _quantiles(freedom: int) -> Array:
    """Equally likely values of a variance estimate of mean 1."""
    steps = (np.arange(GRID) + 0.5) / GRID
    values: Array = stats.chi2.ppf(steps, freedom) / freedom
    return values
