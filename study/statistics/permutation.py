"""Sign-flip permutation test on one level of clusters: descriptive, since the other level is ignored."""

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
