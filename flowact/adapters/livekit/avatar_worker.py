"""An avatar as a participant of its own: a worker that agents elsewhere send their voice to."""

from __future__ import annotations

from typing import Any

from livekit import rtc
from livekit.agents.voice.avatar import AudioReceiver, AvatarRunner, DataStreamAudioReceiver

from flowact.adapters.livekit.video_generator import OPTIONS, FlowActVideoGenerator
from flowact.avatar import AvatarHost


class AvatarWorker:
    """Joins a room as an avatar, and speaks what the agent streams to it.

    The agent uses LiveKit's `DataStreamAudioOutput` with the worker's identity. Interruptions and the ends
    of playback travel as LiveKit's own calls between participants.

    Args:
        host: makes the sessions.
        **options: as `AvatarHost.open` takes them; `character` or `picture`.
    """

    def __init__(self, host: AvatarHost, **options: Any) -> None:
        self._host, self._options = host, {"codec": "raw", **options}

    async def join(self, url: str, token: str, agent_identity: str | None = None) -> None:
        """Join a room and serve until it is left or the agent is gone.

        Args:
            url: of the LiveKit server.
            token: lets the worker in, as the identity that the agent streams to.
            agent_identity: whose voice to take; anybody's without it.
        """
        room = rtc.Room()
        await room.connect(url, token)
        try:
            await self.serve(room, DataStreamAudioReceiver(room, sender_identity=agent_identity))
        finally:
            await room.disconnect()

    async def serve(self, room: rtc.Room, audio: AudioReceiver) -> None:
        """Show the avatar in a room that is joined, until the voice ends."""
        async with await self._host.open(**self._options) as avatar:
            runner = AvatarRunner(
                room, audio_recv=audio, video_gen=FlowActVideoGenerator(avatar), options=OPTIONS
            )
            await runner.start()
            try:
                await runner.wait_for_complete()
            finally:
                await runner.aclose()
