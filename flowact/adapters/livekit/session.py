"""An avatar in the agent's own process, started beside its session."""

from __future__ import annotations

import contextlib
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarRunner, AvatarSession, QueueAudioOutput

from flowact.adapters.livekit.video_generator import OPTIONS, FlowActVideoGenerator
from flowact.avatar import AvatarHost
from flowact.timebase import SAMPLE_RATE


class LiveKitAvatarSession(AvatarSession[Any]):
    """Shows a FlowAct avatar for a LiveKit agent; the model runs on this machine.

    ```python
    avatar = flowact.adapters.livekit.AvatarSession(character="mira")
    await avatar.start(agent_session, room=ctx.room)
    await agent_session.start(agent=agent, room=ctx.room)
    ```

    Args:
        host: a running host to share; one of its own without it.
        **options: as `AvatarHost.open` takes them; `character` or `picture`.
    """

    def __init__(self, *, host: AvatarHost | None = None, **options: Any) -> None:
        super().__init__()
        self._host, self._options = host, {"codec": "raw", **options}
        self._stack = contextlib.AsyncExitStack()
        self._runner: AvatarRunner | None = None

    @property
    def avatar_identity(self) -> str:
        """The agent itself: its own participant shows the avatar."""
        return self._room.local_participant.identity if self._room is not None else ""

    @property
    def provider(self) -> str:
        """Who makes the pictures."""
        return "flowact"

    async def start(self, agent_session: AgentSession[Any], room: rtc.Room) -> None:
        """Start the model and put the avatar between the agent's voice and the room.

        Raises:
            UserError: the model cannot be started, or there is no such character.
        """
        await super().start(agent_session, room)
        host = self._host
        if host is None:
            host = await self._stack.enter_async_context(AvatarHost())
        avatar = await self._stack.enter_async_context(await host.open(**self._options))
        audio = QueueAudioOutput(sample_rate=SAMPLE_RATE, wait_playback_start=True)
        self._runner = AvatarRunner(
            room, audio_recv=audio, video_gen=FlowActVideoGenerator(avatar), options=OPTIONS
        )
        await self._runner.start()
        agent_session.output.replace_audio_tail(audio)

    async def aclose(self) -> None:
        """End the avatar and, if it is its own, the model."""
        if self._runner is not None:
            await self._runner.aclose()
            self._runner = None
        await self._stack.aclose()
        await super().aclose()
