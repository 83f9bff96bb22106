"""The stretch of sound that one model call hears, cut from a session's timeline."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from flowact.conditioning.features import AudioFeatures, LogMel
from flowact.timebase import FRAMES_PER_LATENT

LATENTS_BEHIND: Final = 2
"""Latents before the stream whose sound goes with the short-term memory."""
LATENTS_AHEAD: Final = 1
"""Latents after the stream whose sound the stream may hear."""
FRAMES_BEHIND: Final = LATENTS_BEHIND * FRAMES_PER_LATENT
LOG_MEL: Final = LogMel()


@dataclass(frozen=True)
class AudioWindow:
    """Sound round the stream, one token per video frame.

    Attributes:
        features: `[batch, rows, width]`, as `AudioFeatures` gives them; log-mel frames
            `[batch, 10 + 4 * tokens + 2, 80]` unless a preset names another kind.
        known: `[batch, tokens]` bool, false where the sound is not known yet.
    """

    features: Tensor
    known: Tensor

    @classmethod
    def stack(cls, windows: Sequence[Self]) -> Self:
        """Put the windows of several sessions into one batch."""
        return cls(torch.cat([w.features for w in windows]), torch.cat([w.known for w in windows]))


def window_tokens(stream_latents: int) -> int:
    """Count the audio tokens of a window for a stream of so many latents."""
    return (LATENTS_BEHIND + stream_latents + LATENTS_AHEAD) * FRAMES_PER_LATENT


@dataclass(frozen=True)
class AudioTimeline:
    """What a session knows of its sound: `samples [n]` from sample `start` on, mono at 16 kHz.

    Before the first sample of a session there was silence; after the last known one the sound is
    unknown, which is not the same: push zeros to say that it will be silent.
    """

    samples: Tensor
    start: int = 0

    @classmethod
    def empty(cls) -> Self:
        """Begin a session about whose sound nothing is known."""
        return cls(torch.zeros(0))

    @property
    def end(self) -> int:
        """Index of the first unknown sample."""
        return self.start + self.samples.shape[0]

    def push(self, samples: Tensor) -> Self:
        """Append known samples `[n]`."""
        if samples.dim() != 1:
            raise ValueError(f"samples of shape {tuple(samples.shape)}; expected one dimension")
        return replace(self, samples=torch.cat((self.samples, samples.float())))

    def cut(self, end: int) -> Self:
        """Forget the sound from sample `end` on, as when a speaker is interrupted."""
        return replace(self, samples=self.samples[: max(end - self.start, 0)])

    def trimmed(self, frame: int, features: AudioFeatures = LOG_MEL) -> Self:
        """Drop what no window of a stream that begins at `frame` or later reads."""
        needed, _ = features.span(frame - FRAMES_BEHIND, 1)
        begin = min(max(needed, self.start), self.end)
        return replace(self, samples=self.samples[begin - self.start :], start=begin)

    def window(
        self, frame: int, stream_latents: int, features: AudioFeatures = LOG_MEL
    ) -> AudioWindow:
        """Cut the window of a stream of so many latents that begins at video frame `frame`.

        Raises:
            ValueError: if that sound was trimmed away.
        """
        first, tokens = frame - FRAMES_BEHIND, window_tokens(stream_latents)
        known = features.ends(first, tokens) <= self.end
        return AudioWindow(self.features(first, tokens, features), known[None])

    def features(self, first: int, frames: int, features: AudioFeatures = LOG_MEL) -> Tensor:
        """Features `[1, rows, width]` of some video frames, as if what is not known were silent.

        Raises:
            ValueError: if that sound was trimmed away.
        """
        begin, stop = features.span(first, frames)
        if max(begin, 0) < self.start:
            raise ValueError(f"sound from sample {begin} on is needed; kept from {self.start} on")
        inside = self.samples[max(begin - self.start, 0) : max(stop - self.start, 0)]
        before = max(-begin, 0)
        padded = F.pad(inside, (before, stop - begin - before - inside.shape[0]))
        return features.extract(padded[None], first, frames)
