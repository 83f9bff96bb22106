"""Do the participants agree? Krippendorff's alpha (ordinal) with an interval, and raw agreement."""

from __future__ import annotations

import krippendorff
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LEVELS = np.array([-1.0, 0.0, 1.0])


def value_counts(units: NDArray[np.int64], scores: Array) -> Array:
    """How many participants gave each score to each unit (item and pair): [units, 3].

    Units with fewer than two votes say nothing about agreement and are left out.
    """
    table = np.zeros((int(units.max()) + 1 if units.size else 0, 3))
    np.add.at(table, (units, (scores + 1).astype(int)), 1.0)
    kept: Array = table[table.sum(axis=1) >= 2]
    return kept


def alpha(counts: Array) -> float | None:
    """Krippendorff's alpha for ordinal data from `value_counts`; None when it is not defined."""
    if len(counts) < 2 or (counts.sum(axis=0) > 0).sum() < 2:
        return None
    value = krippendorff.alpha(
        value_counts=counts, value_domain=LEVELS, level_of_measurement="ordinal"
    )
    return float(value)


def alpha_interval(
    counts: Array, level: float, resamples: int, seed: int
) -> tuple[float, float] | None:
    """Percentile interval of alpha by resampling units; None when alpha is not defined."""
    if alpha(counts) is None:
        return None
    rng = np.random.default_rng(seed)
    draws = [alpha(counts[rng.integers(0, len(counts), len(counts))]) for _ in range(resamples)]
    known = [value for value in draws if value is not None]
    if len(known) < resamples / 2:
        return None
    low, high = np.quantile(known, [level / 2, 1 - level / 2])
    return float(low), float(high)


def raw_agreement(counts: Array) -> float | None:
    """Chance that two participants gave the same score to the same unit, averaged over units."""
    if not len(counts):
        return None
    n = counts.sum(axis=1)
    return float(((counts * (counts - 1)).sum(axis=1) / (n * (n - 1))).mean())
