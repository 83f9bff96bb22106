"""What a session gives to its program: 0.16 s of pictures and sound at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowact.serving.messages import EncodedFrame
from flowact.timebase import FRAME_SIZE


@dataclass(frozen=True)
class AvatarSegment:
    """Four frames and the sound that is heard with them.

    Attributes:
        index: number of the segment in the session; segments are 0.16 s apart.
        item: name of what is being said, empty while nothing is.
        position_ms: how much of the item has been said at the end of the segment, in milliseconds.
        frames: as the codec of the session has them.
        sound: int16 `[2560]`, mono at 16 kHz.
        speaking: whether speech is heard.
        final: whether the item ends with this segment.
        flush: whether this is the first segment after an interruption; what came before it and was not
            shown yet is to be thrown away.
    """

    index: int
    item: str
    position_ms: int
    frames: tuple[EncodedFrame, ...]
    sound: NDArray[np.int16]
    speaking: bool
    final: bool
    flush: bool

    @property
    def images(self) -> NDArray[np.uint8]:
        """The frames as RGB, uint8 `[4, 480, 480, 3]`; of the codec `raw` only.

        Raises:
            ValueError: the session has another codec.
        """
        size = FRAME_SIZE * FRAME_SIZE * 3
        if any(len(frame.data) != size for frame in self.frames):
            raise ValueError("these frames are encoded; open the session with codec='raw'")
        joined = b"".join(frame.data for frame in self.frames)
        return np.frombuffer(joined, np.uint8).reshape(-1, FRAME_SIZE, FRAME_SIZE, 3)
