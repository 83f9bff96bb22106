"""The page's end of the protocol, as the tests need it."""

from __future__ import annotations

import contextlib
import json
import threading
import time

from starlette.websockets import WebSocketDisconnect

from flowact.live.protocol.binary import MessageKind, unpack

PATIENCE = 120
PING_SECONDS = 3


class Viewer:
    """One end of a WebSocket, as the page is the other."""

    def __init__(self, socket) -> None:
        self.socket, self.seen, self.sent = socket, [], time.monotonic()

    def send(self, kind: str, **content: object) -> None:
        self.sent = time.monotonic()
        self.socket.send_text(json.dumps({"type": kind, **content}))

    def next(self):
        if time.monotonic() - self.sent > PING_SECONDS:
            self.send("ping", at=0.0)
        message = self.socket.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message.get("code", 1000))
        text = message.get("text")
        found = json.loads(text) if text is not None else unpack(message["bytes"])
        self.seen.append(found)
        return found

    def until(self, condition):
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            found = self.next()
            if condition(found):
                return found
        raise AssertionError(f"waited in vain; the last messages: {self.seen[-5:]}")

    def text(self, kind: str) -> dict:
        return self.until(lambda m: isinstance(m, dict) and m["type"] == kind)

    def media(self, kind: MessageKind, **wanted):
        return self.until(
            lambda m: (
                isinstance(m, tuple)
                and m[0].kind is kind
                and all(getattr(m[0], name) == value for name, value in wanted.items())
            )
        )


@contextlib.contextmanager
def _pinging(viewer: Viewer):
    """Ping as the page does, also while nothing comes: a new worker may be long in coming."""
    over = threading.Event()

    def ping() -> None:
        with contextlib.suppress(Exception):  # the visit is over, in whatever way
            while not over.wait(PING_SECONDS):
                viewer.send("ping", at=0.0)

    thread = threading.Thread(target=ping, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE)


@contextlib.contextmanager
def visiting(client, ticket, **hello):
    with client.websocket_connect("/live/socket") as socket:
        viewer = Viewer(socket)
        viewer.send("hello", token=ticket, **hello)
        with _pinging(viewer):
            yield viewer
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            viewer.send("bye")


def wait_until_ready(client) -> None:
    """Wait for the worker: nobody can ping while nothing comes."""
    limit = time.monotonic() + PATIENCE
    while not client.get("/live/health").json()["ready"]:
        assert time.monotonic() < limit, client.get("/live/health").json()
        time.sleep(0.1)


def ended(manager) -> None:
    limit = time.monotonic() + PATIENCE
    while manager.sessions and time.monotonic() < limit:
        time.sleep(0.05)
    assert not manager.sessions
