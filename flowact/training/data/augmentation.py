"""Random changes of the sound that a transformer trains on: other throats, microphones and rooms."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from flowact.conditioning.audio import SILENT_MEL

SILENCE_MARGIN: Final = 0.5
"""A frame is silent if its loudest mel bin is no more than this above digital silence."""
WIDEST_MASK: Final = 13
_OCTAVES: Final = 2 * np.log2(10)
"""Doublings of power per unit of log-mel."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of the sound, so that other microphones and other throats do not matter.

    Attributes:
        gain: largest change of the log-mel values up or down; 0.3 is 6 dB.
        tilt: deviation of each of the smooth curves that are added along the frequency axis.
        throat: deviation of the factor by which frequencies are stretched, as a longer or shorter
            vocal tract stretches its formants (Jaitly and Hinton, 2013).
        noise: probability of a constant background noise.
        masks: bands of at most `WIDEST_MASK` bins that become their own mean (SpecAugment, Park et al., 2019).
    """

    gain: float = 0.3
    tilt: float = 0.12
    throat: float = 0.06
    noise: float = 0.3
    masks: int = 0

    def __call__(self, mel: Tensor, rng: np.random.Generator) -> Tensor:
        """Change log-mel frames `[..., 80]`."""
        mel = self._equalised(_stretched(mel, float(np.exp(rng.normal(0, self.throat)))), rng)
        if rng.random() < self.noise:
            floor = float(rng.uniform(SILENT_MEL, SILENT_MEL + 1.2))
            mel = torch.logaddexp2(mel * _OCTAVES, torch.tensor(floor * _OCTAVES)) / _OCTAVES
        mel = mel.clamp(min=SILENT_MEL)
        for _ in range(self.masks):
            mel = _masked(mel, rng)
        return mel

    def _equalised(self, mel: Tensor, rng: np.random.Generator) -> Tensor:
        waves = np.cos(np.pi * np.outer(np.arange(1, 4), np.linspace(0, 1, mel.shape[-1])))
        curve = rng.normal(0, self.tilt, 3) @ waves + rng.uniform(-1, 1) * self.gain
        sounding = (mel > SILENT_MEL + SILENCE_MARGIN / 2).float()
        return mel + sounding * torch.from_numpy(curve).float()


def _masked(mel: Tensor, rng: np.random.Generator) -> Tensor:
    width = int(rng.integers(1, WIDEST_MASK + 1))
    first = int(rng.integers(0, mel.shape[-1] - width))
    masked = mel.clone()
    masked[..., first : first + width] = mel[..., first : first + width].mean()
    return masked


def _stretched(mel: Tensor, factor: float) -> Tensor:
    """Read the mel axis `factor` times as fast; beyond its end the last bin goes on."""
    bins = mel.shape[-1]
    place = (torch.arange(bins) * factor).clamp(max=bins - 1)
    below = place.long().clamp(max=bins - 2)
    return torch.lerp(mel[..., below], mel[..., below + 1], place - below)
