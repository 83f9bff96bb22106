"""ASGI middleware: of Gradio's own interface, a participant's page gets what it loads and nothing else."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

INTERFACE: Final = "gradio_api/"
NEEDED: Final = ("startup-events", "theme.css")
CLOSED: Final = ("openapi.json", "monitoring")


class GradioDoor:
    """Answers 404 below `prefix` to calls, uploads, files and streams that hold a connection open.

    The page's Blocks have no events: all that a participant does goes through the study's own routes.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.root = f"{prefix}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is not closed."""
        if scope["type"] == "http" and self._closed(scope):
            body = {"code": "other", "detail": "there is nothing here"}
            await JSONResponse(body, 404)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _closed(self, scope: Scope) -> bool:
        path = scope["path"]
        if not path.startswith(self.root):
            return False
        name = path.removeprefix(self.root)
        if name.split("/")[0] in CLOSED:
            return True
        asked = name.removeprefix(INTERFACE)
        return asked != name and not (scope.get("method") == "GET" and asked in NEEDED)
