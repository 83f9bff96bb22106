"""How many votes are needed, planned before the study and re-estimated while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from study.statistics.clustered import fewest_clusters, votes_factor

POWER = 0.8
LARGEST = 20_000  # beyond, the normal approximation is within a hundredth of the exact number


@dataclass(frozen=True)
class Plan:
    """Votes needed per comparison and dimension, and what they follow from.

    `fewest_items` (and as many people) are needed for a p value of `alpha` at all; `votes` is None with
    fewer items than that, since no number of votes is enough.
    """

    true_rate: float
    alpha: float
    decisive: int
    votes: int | None
    tie_share: float
    design_effect: float
    items: int
    fewest_items: int


def exact_power(votes: int, true_rate: float, alpha: float) -> float:
    """Power of the two-sided exact sign test with `votes` decisive votes."""
    critical = _critical(votes, alpha)
    above = stats.binom.sf(votes - critical - 1, votes, true_rate)
    return float(above + stats.binom.cdf(critical, votes, true_rate))


def decisive_votes(true_rate: float, alpha: float, power: float = POWER) -> int:
    """Smallest number of decisive votes from which the power stays at `power` or above.

    The power of an exact test is a saw-tooth in the number of votes; the last tooth below counts.
    """
    if not 0.5 < true_rate < 1:
        raise ValueError(f"true_rate is {true_rate}, expected between 0.5 and 1")
    guess = _normal_guess(true_rate, alpha, power)
    if guess > LARGEST:
        return guess
    for votes in range(2 * guess + 50, 1, -1):
        if exact_power(votes, true_rate, alpha) < power:
            return votes + 1
    return 2


def plan(
    true_rate: float, alpha: float, tie_share: float, design_effect: float, items: int
) -> Plan:
    """Total votes: decisive ones, more for ties, for votes that resemble each other and for few items."""
    decisive, fewest = decisive_votes(true_rate, alpha), fewest_clusters(alpha)
    votes = None
    if items >= fewest:
        few = votes_factor(items, alpha, POWER)
        votes = math.ceil(decisive / (1 - tie_share) * design_effect * few)
    return Plan(true_rate, alpha, decisive, votes, tie_share, design_effect, items, fewest)


def _critical(votes: int, alpha: float) -> int:
    """Largest count in the lower tail whose two-sided p value is at most alpha; -1 for none."""
    count = int(stats.binom.ppf(alpha / 2, votes, 0.5))
    while count >= 0 and 2 * stats.binom.cdf(count, votes, 0.5) > alpha:
        count -= 1
    return count


def _normal_guess(true_rate: float, alpha: float, power: float) -> int:
    z = stats.norm.ppf(1 - alpha / 2) * 0.5
    z += stats.norm.ppf(power) * np.sqrt(true_rate * (1 - true_rate))
    return math.ceil(float(z / (true_rate - 0.5)) ** 2)
