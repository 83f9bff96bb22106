"""The headphone check: a faint tone that is in neither channel, and that only both ears together can hear.

Of three noises, one has a narrow band around 600 Hz turned round in the right channel (Cramer and Huggins, 1958).
Loudspeakers mix the channels in the air, and the tone is gone. As a screening: Milne et al. (2021), "An online
headphone screening test based on dichotic pitch".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.server.sound_check import wave_file

RATE = 16_000
NOISES = 3  # in a round
NOISE_SECONDS, PAUSE_SECONDS = 0.9, 0.3
PITCH, HALF_BAND = 600.0, 0.06  # Hz; share of it on each side
HIGHEST = 4_000.0  # Hz
LEVEL, RAMP_SECONDS = 0.1, 0.05  # root mean square

Floats = NDArray[np.float64]


def rounds(answers: str, dice: np.random.Generator) -> bytes:
    """A stereo WAV file: for each digit of `answers` a round of three noises, of which that one holds the tone.

    The noise is another one each time, so that nobody can know a round by its samples.
    """
    pause = np.zeros((2, round(RATE * PAUSE_SECONDS)))
    parts = [
        part
        for answer in answers
        for number in range(1, NOISES + 1)
        for part in (noise(number == int(answer), dice), pause)
    ]
    return wave_file(np.concatenate(parts, axis=1), RATE)


def noise(with_tone: bool, dice: np.random.Generator) -> Floats:
    """One noise [2, samples]; both channels are the same but for the band of the tone."""
    samples = round(RATE * NOISE_SECONDS)
    spectrum = np.fft.rfft(dice.normal(size=samples))
    hertz = np.fft.rfftfreq(samples, 1 / RATE)
    spectrum[hertz > HIGHEST] = 0
    other = spectrum.copy()
    if with_tone:
        other[np.abs(hertz / PITCH - 1) <= HALF_BAND] *= -1
    sound = np.fft.irfft(np.stack([spectrum, other]), samples)
    ramp = np.minimum(1.0, np.arange(samples) / (RATE * RAMP_SECONDS))
    return np.asarray(LEVEL / sound.std() * sound * ramp * ramp[::-1])
