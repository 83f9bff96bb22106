"""Learning rate over steps."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LearningRateSchedule:
    """Linear warm-up, a constant, then a cosine down to a floor.

    The decay may be decided late: resume a run at its constant rate with the two decay steps set.

    Attributes:
        peak: the constant learning rate.
        warmup: steps of linear rise from zero.
        decay_from, decay_to: first and last step of the cosine; no decay when None.
        floor: share of the peak that is left at `decay_to` and after.
    """

    peak: float
    warmup: int = 200
    decay_from: int | None = None
    decay_to: int | None = None
    floor: float = 0.02

    def __post_init__(self) -> None:
        if (self.decay_from is None) != (self.decay_to is None):
            raise ValueError("decay_from and decay_to are given together or not at all")
        start, end = self.decay_from, self.decay_to
        if start is not None and end is not None and not self.warmup <= start < end:
            expected = f"expected a span after {self.warmup}"
            raise ValueError(f"decay runs over steps {start}..{end}, {expected}")

    def rate(self, step: int) -> float:
        """Learning rate of step 0, 1, 2, ..."""
        rising = min(1.0, (step + 1) / max(1, self.warmup))
        if self.decay_from is None or self.decay_to is None or step < self.decay_from:
            return self.peak * rising
        done = min(1.0, (step - self.decay_from) / (self.decay_to - self.decay_from))
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done)))
