"""ASGI middleware: what never reaches the application, too large requests and Gradio's own interface."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = (
    64 * 1024
)  # bytes; a vote with all its telemetry has less than two thousand, a ticket fifty
INTERFACE: Final = "gradio_api/"
NEEDED: Final = ("startup-events", "theme.css")
CLOSED: Final = ("openapi.json", "monitoring")


class BodyLimit:
    """Answers 413 below `prefix`, by the declared length or as soon as more has come."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on while its body stays small."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{self.prefix}/"):
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared[:18]) > LARGEST:
            await _refuse(scope, receive, send)
            return
        await _Counted(scope, receive, send).run(self.app)


class _Counted:
    """One call, whose body is counted as it comes: its length may not have been declared."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.seen = 0
        self.refused = False

    async def run(self, app: ASGIApp) -> None:
        await app(self.scope, self._receive, self._send)

    async def _receive(self) -> Message:
        message = await self.receive()
        self.seen += len(message.get("body", b""))
        if self.seen <= LARGEST:
            return message
        if not self.refused:
            self.refused = True
            await _refuse(self.scope, self.receive, self.send)
        return {"type": "http.disconnect"}  # the application stops reading; its answer is dropped

    async def _send(self, message: Message) -> None:
        if not self.refused:
            await self.send(message)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    text = f"a request here has at most {LARGEST} bytes"
    await PlainTextResponse(text, 413, {"Connection": "close"})(scope, receive, send)


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
