"""A client of the session interface `/v1`, for Python programs anywhere.

Needs httpx, websockets and pydantic; neither the model nor PyTorch. May import the interface's models.
"""

from flowact.client.client import ClientError, FlowActClient
from flowact.client.remote_avatar import Media, RemoteAvatar

__all__ = ["ClientError", "FlowActClient", "Media", "RemoteAvatar"]
