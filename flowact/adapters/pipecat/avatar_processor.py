"""What the pipeline's voice says goes into an avatar session; pictures and sound come out together."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    SpeechOutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from flowact.avatar import AvatarHost, AvatarSegment, AvatarSession
from flowact.avatar.session import to_float
from flowact.timebase import FRAME_SIZE, SAMPLE_RATE


class FlowActAvatarProcessor(FrameProcessor):
    """Speaks with an avatar what comes from a text-to-speech service; put it right after that.

    Sound goes on only as the avatar speaks it, so lips and voice stay together: the output transport should
    have a video of 480x480 pixels. While nothing is said, pictures go on without sound.

    Args:
        host: a running host.
        **options: as `AvatarHost.open` takes them; `character` or `picture`.
    """

    def __init__(self, host: AvatarHost, **options: Any) -> None:
        super().__init__()
        self._host, self._options = host, {"codec": "raw", **options}
        self._avatar: AvatarSession | None = None
        self._showing: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the voice's sound out of the pipeline, and let everything else pass."""
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._avatar = await self._host.open(**self._options)
            await self.push_frame(frame, direction)
            self._showing = self.create_task(self._show(self._avatar))
            return
        if isinstance(frame, TTSAudioRawFrame):
            await self._speak(frame)
            return
        if isinstance(frame, TTSStoppedFrame) and self._avatar is not None:
            await self._avatar.finish()
        elif isinstance(frame, InterruptionFrame) and self._avatar is not None:
            await self._avatar.interrupt()
        elif isinstance(frame, EndFrame | CancelFrame):
            await self._end()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """End the session, whatever ended the pipeline."""
        await self._end()
        await super().cleanup()

    async def _speak(self, frame: TTSAudioRawFrame) -> None:
        if self._avatar is not None:
            mono = to_float(frame.audio).reshape(-1, frame.num_channels).mean(axis=1)
            await self._avatar.push(mono, frame.sample_rate)

    async def _show(self, avatar: AvatarSession) -> None:
        async for segment in avatar:
            for frame in frames_of(segment):
                await self.push_frame(frame)

    async def _end(self) -> None:
        if self._showing is not None:
            await self.cancel_task(self._showing)
            self._showing = None
        if self._avatar is not None:
            await self._avatar.close()
            self._avatar = None


def frames_of(segment: AvatarSegment) -> list[Frame]:
    """Return the pictures and, while something is said, the sound of a segment, in the order of playing."""
    frames: list[Frame] = []
    size = (FRAME_SIZE, FRAME_SIZE)
    sounds = segment.sound.reshape(len(segment.frames), -1)
    for image, sound in zip(segment.images, sounds, strict=True):
        picture = OutputImageRawFrame(image=image.tobytes(), size=size, format="RGB")
        picture.sync_with_audio = bool(segment.item)
        frames.append(picture)
        if segment.item:
            frames.append(
                SpeechOutputAudioRawFrame(
                    audio=sound.tobytes(), sample_rate=SAMPLE_RATE, num_channels=1
                )
            )
    return frames
