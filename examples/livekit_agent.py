"""A LiveKit agent that is seen: FlowAct's avatar speaks what the agent says.

Shows the plugin in an agent. Needs `pip install 'flowact[livekit]'`, a LiveKit server (LIVEKIT_URL, LIVEKIT_API_KEY,
LIVEKIT_API_SECRET) and the models that the agent is given by name; LiveKit's own documentation lists them.

    python examples/livekit_agent.py dev
"""

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli

from flowact.adapters import livekit as flowact_livekit

server = AgentServer()


def make_session() -> AgentSession[None]:
    """Return a session with the models that the environment names."""
    return AgentSession(
        stt=os.environ.get("AGENT_STT", "deepgram/nova-3"),
        llm=os.environ.get("AGENT_LLM", "openai/gpt-4.1-mini"),
        tts=os.environ.get("AGENT_TTS", "cartesia/sonic-3"),
    )


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """Join a room as an agent with a face."""
    session = make_session()
    avatar = flowact_livekit.AvatarSession(character=os.environ.get("AGENT_CHARACTER", "mira"))
    await avatar.start(session, room=ctx.room)
    await session.start(agent=Agent(instructions="You are a friendly host."), room=ctx.room)
    await session.generate_reply(instructions="Greet the user in one sentence.")


if __name__ == "__main__":
    cli.run_app(server)
