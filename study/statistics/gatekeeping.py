"""Many tests, one error rate: the primary question first, the other questions afterwards.

Holm's correction runs over the primary question's tests alone. The other questions are tested, by Holm among
themselves, only once every test of the primary one has succeeded (Westfall and Krishen, 2001, "Optimally
weighted, fixed sequence and gatekeeper multiple testing procedures"). The chance of any false claim stays below
alpha, whichever hypotheses are true, and the primary question pays for nothing but its own tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from study.statistics.clustered import fewest_clusters


@dataclass(frozen=True)
class Families:
    """How many tests there are: on the primary question, and on all others together."""

    primary: int
    others: int

    def needed(self, alpha: float) -> tuple[int, int | None]:
        """Fewest items, and raters, with which the primary question and the others can show anything."""
        others = fewest_clusters(alpha / self.others) if self.others else None
        return fewest_clusters(alpha / self.primary), others


def adjusted(
    primary: Sequence[float], others: Sequence[float], families: Families
) -> tuple[list[float], list[float]]:
    """P values that may be compared with alpha; tests of the design without votes count as failed."""
    first = _holm(primary, families.primary)
    gate = max(first, default=1.0) if len(primary) == families.primary else 1.0
    return first, [max(gate, p) for p in _holm(others, families.others)]


def _holm(values: Sequence[float], tests: int) -> list[float]:
    """Holm's p values (1979, "A simple sequentially rejective multiple test procedure"), in the order given.

    The tests beyond those given have a p value of 1. `statsmodels` has this too, but collects garbage with
    every call: seconds in a process that has loaded a model, and a power analysis calls it a thousand times.
    """
    order = np.argsort(values)
    raised = np.asarray(values)[order] * (tests - np.arange(len(values)))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(p) for p in corrected]
