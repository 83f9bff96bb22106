"""The compiled loop that puts the hidden mark into a picture: NumPy's passes over it take longer than encoding it."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

_STEP: Final = 2
"""Pixels between two at which cells are looked at."""


@numba.njit(cache=True, nogil=True)
def add_pattern(
    luma: NDArray[np.uint8], patterns: NDArray[np.uint8], limits: NDArray[np.float64], cell: int
) -> None:
    """Add to each cell of a luma plane the pattern whose strength suits it.

    Args:
        luma: `[n, n]`, changed.
        patterns: weakest first, `[strengths, n, n]`, bytes that are added modulo 256.
        limits: deviations of the grey levels from which on the next one is taken, `[strengths - 1]`.
        cell: pixels across.
    """
    for top in range(0, luma.shape[0], cell):
        for left in range(0, luma.shape[1], cell):
            spread, strength = _spread(luma, top, left, cell), 0
            for limit in limits:
                if spread >= limit * limit:
                    strength += 1
            for y in range(top, top + cell):
                for x in range(left, left + cell):
                    luma[y, x] += patterns[strength, y, x]


@numba.njit(cache=True, nogil=True)
def _spread(luma: NDArray[np.uint8], top: int, left: int, cell: int) -> float:
    """Variance of the grey levels in the plainest quarter of a cell."""
    half, least = cell // 2, np.inf
    for up in (top, top + half):
        for start in (left, left + half):
            count = total = squares = 0
            for y in range(up, up + half, _STEP):
                for x in range(start, start + half, _STEP):
                    level = int(luma[y, x])
                    count, total, squares = count + 1, total + level, squares + level * level
            least = min(least, (count * squares - total * total) / (count * count))
    return least
