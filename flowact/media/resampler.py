"""Sound of any usual rate, piece by piece, to what the model hears."""

from __future__ import annotations

from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.timebase import SAMPLE_RATE

RATES: Final = (8_000, 96_000)
"""Samples per second, least and most."""


class StreamResampler:
    """Mono sound that comes in pieces, without a click between them.

    Args:
        rate: samples per second of what comes.

    Raises:
        UserError: a rate below 8000 or above 96000.
    """

    def __init__(self, rate: int) -> None:
        if not RATES[0] <= rate <= RATES[1]:
            raise UserError(f"Sound has {RATES[0]} to {RATES[1]} samples a second, not {rate}.")
        self.rate = rate
        self._resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return as much at 16 kHz as is known by now."""
        if self.rate == SAMPLE_RATE:
            return samples
        if not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = self.rate
        return self._run(frame)

    def finish(self) -> NDArray[np.float32]:
        """Return the rest; nothing may be pushed after it."""
        return np.zeros(0, np.float32) if self.rate == SAMPLE_RATE else self._run(None)

    def _run(self, frame: av.AudioFrame | None) -> NDArray[np.float32]:
        made = [part.to_ndarray()[0] for part in self._resampler.resample(frame)]
        return np.concatenate(made) if made else np.zeros(0, np.float32)
