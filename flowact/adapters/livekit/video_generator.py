"""LiveKit's idea of an avatar: audio frames in, video and audio frames out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator

from flowact.avatar import AvatarSegment, AvatarSession
from flowact.avatar.session import to_float
from flowact.timebase import FPS, FRAME_SIZE, SAMPLE_RATE

OPTIONS = AvatarOptions(
    video_width=FRAME_SIZE,
    video_height=FRAME_SIZE,
    video_fps=FPS,
    audio_sample_rate=SAMPLE_RATE,
    audio_channels=1,
)
"""What `AvatarRunner` has to know of the frames."""


class FlowActVideoGenerator(VideoGenerator):
    """A session of codec `raw` as LiveKit's `AvatarRunner` drives it.

    While nothing is said, pictures come and no sound, so the runner's position is that of the speech.

    Args:
        session: whose pictures; closing it is its owner's business.
    """

    def __init__(self, session: AvatarSession) -> None:
        if session.codec != "raw":
            raise ValueError(f"LiveKit needs raw pictures, not {session.codec}")
        self._session = session

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Speak a frame, or end the segment."""
        if isinstance(frame, AudioSegmentEnd):
            await self._session.finish()
            return
        samples = to_float(bytes(frame.data))
        mono = samples.reshape(-1, frame.num_channels).mean(axis=1)
        await self._session.push(mono, frame.sample_rate)

    async def clear_buffer(self) -> None:
        """Be silent at once."""
        await self._session.interrupt()

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Yield four pictures, then the sound that belongs to them, and the end of every segment."""
        item, said_ms = "", 0
        async for segment in self._session:
            for image in segment.images:
                yield rtc.VideoFrame(
                    FRAME_SIZE, FRAME_SIZE, rtc.VideoBufferType.RGB24, image.tobytes()
                )
            if segment.item != item:  # an interruption ends an item without a last segment
                item, said_ms = segment.item, 0
            sound = _sound(segment, said_ms)
            if sound is not None:
                yield sound
            said_ms = segment.position_ms
            if segment.final:
                yield AudioSegmentEnd()


def _sound(segment: AvatarSegment, said_ms: int) -> rtc.AudioFrame | None:
    """Return as much sound as the item has there: its last segment is filled up with silence."""
    samples = (segment.position_ms - said_ms) * SAMPLE_RATE // 1000
    if samples <= 0:
        return None
    sound = segment.sound[:samples]
    return rtc.AudioFrame(sound.tobytes(), SAMPLE_RATE, 1, len(sound))
