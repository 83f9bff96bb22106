"""The example's agent starts its avatar before its session, as LiveKit wants it; the room is not there."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from types import SimpleNamespace

from livekit import rtc
from livekit.agents import AgentSession

EXAMPLE = Path(__file__).parents[2] / "examples" / "livekit_agent.py"


def test_the_agent_starts_its_avatar_first(monkeypatch):
    spec = importlib.util.spec_from_file_location("livekit_agent", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    order: list[str] = []

    class Seen(module.flowact_livekit.AvatarSession):
        async def start(self, agent_session, room) -> None:
            order.append(f"avatar {self._options['character']}")

    async def started(_session, *, agent, room) -> None:
        order.append("session")

    async def reply(_session, *, instructions) -> None:
        order.append("reply")

    monkeypatch.setattr(module.flowact_livekit, "AvatarSession", Seen)
    monkeypatch.setattr(module, "make_session", AgentSession)
    monkeypatch.setattr(AgentSession, "start", started)
    monkeypatch.setattr(AgentSession, "generate_reply", reply)

    async def run() -> None:
        await module.entrypoint(SimpleNamespace(room=rtc.Room()))

    asyncio.run(run())
    assert order == ["avatar mira", "session", "reply"]
