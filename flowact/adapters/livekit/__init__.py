"""LiveKit Agents: an avatar that speaks what an agent says, in the agent's process or in a worker.

Needs the extra `livekit`. `AvatarSession` is what LiveKit's plugins call theirs.
"""

from flowact.adapters.livekit.avatar_worker import AvatarWorker
from flowact.adapters.livekit.session import LiveKitAvatarSession
from flowact.adapters.livekit.video_generator import FlowActVideoGenerator

AvatarSession = LiveKitAvatarSession

__all__ = ["AvatarSession", "AvatarWorker", "FlowActVideoGenerator", "LiveKitAvatarSession"]
