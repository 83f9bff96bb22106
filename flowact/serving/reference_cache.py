"""What the networks know of a person's picture before the first frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from flowact.pipeline import FlowActPipeline
from flowact.pipeline.chunks import look_at, to_frames
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
    """Looks at pictures, and keeps what it has seen of those that everybody may choose.

    Args:
        pipeline: whose tokenizer looks.
        known: uint8 `[480, 480, 3]`, the first of which is looked at beforehand; other pictures are a
            visitor's own and never kept.
    """

    def __init__(self, pipeline: FlowActPipeline, known: Iterable[NDArray[np.uint8]] = ()) -> None:
        self._pipeline = pipeline
        pictures = list(known)
        self._kept: dict[bytes, EncodedReference | None] = dict.fromkeys(
            picture.tobytes() for picture in pictures
        )
        for picture in pictures[:1]:
            self.at(picture.tobytes())

    def at(self, picture: bytes) -> EncodedReference:
        """Look at a picture given by its bytes.

        Raises:
            ValueError: it is not of 480x480 pixels in three colours.
        """
        kept = self._kept.get(picture)
        if kept is not None:
            return kept
        if len(picture) != PICTURE_BYTES:
            raise ValueError(f"a picture of {len(picture)} bytes; expected {PICTURE_BYTES}")
        pixels: NDArray[np.uint8] = np.frombuffer(picture, np.uint8)
        seen = self._look(pixels.reshape(FRAME_SIZE, FRAME_SIZE, 3))
        if picture in self._kept:
            self._kept[picture] = seen
        return seen

    @torch.no_grad()
    def _look(self, picture: NDArray[np.uint8]) -> EncodedReference:
        tokenizer = self._pipeline.tokenizer
        features = look_at(tokenizer, to_frames(picture), self._pipeline.decoder_device)
        return EncodedReference(features, tokenizer.initial_state(features))
