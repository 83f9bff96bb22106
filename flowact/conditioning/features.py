"""What the transformer's encoders read of sound and text: two protocols, and their compact kind.

Whatever makes features is no part of the transformer and is not trained with it. The compact kind has
no weights: log-mel frames and hashed words, for encoders that are trained along. Features of large
pretrained networks take their place in a preset that names them.
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from flowact.conditioning.audio import HOP, MARGIN, MEL_AFTER, MEL_BEFORE, MEL_PER_TOKEN, log_mel
from flowact.conditioning.text import hash_pieces
from flowact.timebase import SAMPLES_PER_FRAME


class AudioFeatures(Protocol):
    """Sound to rows of numbers, some for every video frame.

    The rows of a frame depend on the samples near it and on the frame's number, and on nothing else,
    so a stream may be cut anywhere.
    """

    def span(self, frame: int, frames: int) -> tuple[int, int]:
        """First sample, and the one after the last, that the rows of video frames depend on."""

    def ends(self, frame: int, frames: int) -> Tensor:
        """For each of `frames` video frames, how many samples must be known for it to be heard."""

    def extract(self, samples: Tensor, frame: int, frames: int) -> Tensor:
        """Rows of `frames` video frames from number `frame` on.

        Args:
            samples: `[batch, n]` mono at 16 kHz, exactly those of `span`.
            frame: number of the first video frame.
            frames: how many.

        Returns:
            `[batch, rows, width]`, as the transformer's audio encoder reads them.
        """


class TextFeatures(Protocol):
    """The words of an action to what the transformer's text encoder reads."""

    def extract(self, text: str) -> Tensor:
        """Features of a text; every text gives a tensor of the same shape, an empty one zeros."""


class LogMel:
    """Four log-mel frames for every video frame, with ten before the first and two after the last."""

    def span(self, frame: int, frames: int) -> tuple[int, int]:
        """See `AudioFeatures`."""
        begin = (frame * MEL_PER_TOKEN - MEL_BEFORE) * HOP - MARGIN
        return begin, ((frame + frames) * MEL_PER_TOKEN + MEL_AFTER) * HOP + MARGIN

    def ends(self, frame: int, frames: int) -> Tensor:
        """See `AudioFeatures`."""
        return (frame + torch.arange(1, frames + 1)) * SAMPLES_PER_FRAME + MEL_AFTER * HOP + MARGIN

    def extract(self, samples: Tensor, frame: int, frames: int) -> Tensor:
        """Log-mel frames `[batch, 10 + 4 * frames + 2, 80]`."""
        return log_mel(samples)


class HashedText:
    """Rows of the text encoder's own table; see `flowact.conditioning.text`."""

    def extract(self, text: str) -> Tensor:
        """Rows `[64]` int64."""
        return hash_pieces(text)


class ConditionFeatures(NamedTuple):
    """What a model's encoders of sound and text read."""

    audio: AudioFeatures = LogMel()
    text: TextFeatures = HashedText()


COMPACT = ConditionFeatures()
"""Of models whose encoders are trained along."""
