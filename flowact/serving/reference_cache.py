"""What the networks know of a person's picture before the first frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from flowact.pipeline import FlowActPipeline
from flowact.pipeline.chunks import to_frames
from flowact.portrait import frame_points
from flowact.timebase import FRAME_SIZE

PICTURE_BYTES: Final = FRAME_SIZE * FRAME_SIZE * 3


@dataclass(frozen=True)
class EncodedReference:
    """What the tokenizer knows of a picture.

    Attributes:
        features: for every later chunk.
        decoder: what the decoder remembers before the first latent.
    """

    features: Any
    decoder: Any


class ReferenceCache:
    """Looks at pictures, and knows some from before the first visitor came.

    Args:
        pipeline: whose tokenizer looks.
        known: uint8 `[480, 480, 3]`; other pictures are a visitor's own and never kept.
    """

    def __init__(self, pipeline: FlowActPipeline, known: Iterable[NDArray[np.uint8]] = ()) -> None:
        self._pipeline = pipeline
        self._known = {picture.tobytes(): self._look(picture) for picture in known}

    def at(self, picture: bytes) -> EncodedReference:
        """Look at a picture given by its bytes.

        Raises:
            ValueError: it is not of 480x480 pixels in three colours.
        """
        if picture in self._known:
            return self._known[picture]
        if len(picture) != PICTURE_BYTES:
            raise ValueError(f"a picture of {len(picture)} bytes; expected {PICTURE_BYTES}")
        pixels: NDArray[np.uint8] = np.frombuffer(picture, np.uint8)
        return self._look(pixels.reshape(FRAME_SIZE, FRAME_SIZE, 3))

    @torch.no_grad()
    def _look(self, picture: NDArray[np.uint8]) -> EncodedReference:
        tokenizer = self._pipeline.tokenizer
        frames = to_frames(picture)
        points = frame_points(frames)
        features = tokenizer.reference_features(
            frames.to(self._pipeline.transformer.device), points
        )
        return EncodedReference(features, tokenizer.initial_state(features))
