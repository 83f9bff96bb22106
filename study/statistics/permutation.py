"""Sign-flip permutation tests of "no preference" on the level of participants and of items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
EXACT = 14  # up to this many clusters all sign patterns are tried


def sign_flip(totals: Array, resamples: int, seed: int) -> float:
    """Two-sided p value for cluster totals [clusters] being symmetric around zero.

    Under the null hypothesis the labels of the two systems can be swapped within a cluster, which flips the
    sign of its total. Exact for few clusters, otherwise Monte Carlo with the observed pattern counted in
    (Phipson and Smyth, 2010), so that p is never zero.
    """
    totals = totals[totals != 0]
    if not totals.size:
        return 1.0
    observed = abs(totals.sum()) - 1e-9
    if totals.size <= EXACT:
        patterns = np.arange(2**totals.size)[:, None] >> np.arange(totals.size) & 1
        return float((np.abs((2 * patterns - 1) @ totals) >= observed).mean())
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (resamples, totals.size))
    return float((1 + (np.abs(signs @ totals) >= observed).sum()) / (resamples + 1))


def both_levels(sums: Array, resamples: int, seed: int) -> dict[str, float]:
    """The p values at participant level, at item level, and the larger one, from sums [people, items]."""
    people = sign_flip(sums.sum(axis=1), resamples, seed)
    items = sign_flip(sums.sum(axis=0), resamples, seed + 1)
    return {"participants": people, "items": items, "p": max(people, items)}
