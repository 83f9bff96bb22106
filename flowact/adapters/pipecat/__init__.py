"""Pipecat: a frame processor after the voice, which turns its sound into pictures and sound.

Needs `pipecat-ai`, which wants an older protobuf than other extras do, so it is installed by itself.
"""

from flowact.adapters.pipecat.avatar_processor import FlowActAvatarProcessor

__all__ = ["FlowActAvatarProcessor"]
