"""Good / same / bad counts and every form in which papers report them.

The forms tell different stories about the same data, so all are given. Net preference is the primary one:
it is defined for every count, linear in the votes and changes only its sign when the systems are swapped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FORMULAS = {
    "net": "(G - B) / N",
    "ratio": "(G + S) / (B + S)",
    "tie_split": "(G + S/2) / N",
    "win_rate": "G / (G + B)",
    "not_worse": "(G + S) / N",
}


@dataclass(frozen=True)
class Counts:
    """Votes in which the candidate was better (good), equal (same) or worse (bad)."""

    good: int
    same: int
    bad: int

    @property
    def total(self) -> int:
        """N = G + S + B."""
        return self.good + self.same + self.bad

    def forms(self) -> dict[str, float | None]:
        """Every form of `FORMULAS`; None where its denominator is zero."""
        g, s, b, n = self.good, self.same, self.bad, self.total
        return {
            "net": _ratio(g - b, n),
            "ratio": _ratio(g + s, b + s),
            "tie_split": _ratio(g + s / 2, n),
            "win_rate": _ratio(g, g + b),
            "not_worse": _ratio(g + s, n),
        }

    def sign_test(self) -> float | None:
        """Exact two-sided sign test on the decisive votes. Descriptive: it ignores clustering."""
        decisive = self.good + self.bad
        return float(stats.binomtest(self.good, decisive).pvalue) if decisive else None

    def wilson(self, alpha: float) -> tuple[float, float] | None:
        """Wilson interval of the win rate without ties. Descriptive: it ignores clustering."""
        decisive = self.good + self.bad
        if not decisive:
            return None
        interval = stats.binomtest(self.good, decisive).proportion_ci(1 - alpha, method="wilson")
        return float(interval.low), float(interval.high)


def count(scores: NDArray[np.float64]) -> Counts:
    """Counts of scores [votes]: +1 good, 0 same, -1 bad; other values are an error."""
    good, same, bad = ((scores == value).sum() for value in (1, 0, -1))
    if good + same + bad != scores.size:
        raise ValueError(f"scores must be -1, 0 or 1, found {sorted(set(scores.tolist()))}")
    return Counts(int(good), int(same), int(bad))


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None
