"""Sound of a voice at the rate that everything here has."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.timebase import SAMPLE_RATE


def to_sample_rate(sound: NDArray[np.floating[Any]], rate: int) -> NDArray[np.float32]:
    """Resample mono sound of `rate` samples a second."""
    from scipy.signal import (
        resample_poly,  # which takes a second: a page that only lists voices need not wait
    )

    return resample_poly(sound, SAMPLE_RATE, rate).astype(np.float32)
