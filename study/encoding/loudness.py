"""Integrated loudness (ITU-R BS.1770-4) and true peak of a mono or stereo signal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Audio = NDArray[np.float32]


def _k_weighting(rate: int) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The two biquads of BS.1770-4, recomputed for any sampling rate (De Man, 2014)."""
    k = np.tan(np.pi * 1681.974450955533 / rate)
    q, gain = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    root = gain**0.4996667741545416
    scale = 1 + k / q + k * k
    shelf_b = np.array(
        [gain + root * k / q + k * k, 2 * (k * k - gain), gain - root * k / q + k * k]
    )
    shelf_a = np.array([scale, 2 * (k * k - 1), 1 - k / q + k * k])
    k, q = np.tan(np.pi * 38.13547087602444 / rate), 0.5003270373238773
    high_a = np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
    high = (np.array([1.0, -2.0, 1.0]), high_a / high_a[0])
    return [(shelf_b / scale, shelf_a / scale), high]


def integrated_loudness(audio: Audio, rate: int) -> float:
    """Gated loudness in LUFS of `audio` [channels, samples]; -inf for silence.

    Signals shorter than one 400 ms block are measured as one block.
    """
    weighted = audio.astype(np.float64)
    for b, a in _k_weighting(rate):
        weighted = signal.lfilter(b, a, weighted, axis=-1)
    power = _block_power(weighted, rate)
    power = power[power > 10 ** ((-70 + 0.691) / 10)]
    if not power.size:
        return -np.inf
    relative = power[power > power.mean() * 0.1]
    return float(-0.691 + 10 * np.log10(relative.mean()))


def _block_power(weighted: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Mean power summed over channels, in 400 ms blocks every 100 ms: [blocks]."""
    block, step = int(0.4 * rate), int(0.1 * rate)
    energy = (weighted**2).sum(axis=0)
    if energy.size <= block:
        return np.array([energy.mean()])
    total = np.concatenate([[0.0], np.cumsum(energy)])
    starts = np.arange(0, energy.size - block + 1, step)
    power: NDArray[np.float64] = (total[starts + block] - total[starts]) / block
    return power


def true_peak(audio: Audio) -> float:
    """Peak in dB of `audio` [channels, samples] after fourfold oversampling; -inf for silence."""
    peak = float(np.abs(signal.resample_poly(audio, 4, 1, axis=-1)).max(initial=0.0))
    return 20 * float(np.log10(peak)) if peak > 0 else -np.inf


def gain_to(audio: Audio, rate: int, loudness: float, peak: float) -> float:
    """Linear gain that brings `audio` to `loudness` LUFS without passing `peak` dB true peak."""
    measured = integrated_loudness(audio, rate)
    if not np.isfinite(measured):
        return 1.0
    return float(10 ** (min(loudness - measured, peak - true_peak(audio)) / 20))
