"""A client's end of the session interface, as the tests need it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from urllib.parse import urlencode

import jsonschema
from starlette.websockets import WebSocketDisconnect

from flowact.live.api import asyncapi
from flowact.live.protocol.binary import MessageKind, unpack

PATIENCE = 120
PING_SECONDS = 3
SCHEMAS = asyncapi.document()["components"]["schemas"]
NAMES = {asyncapi.name_of(model): model.__name__ for model in asyncapi.server_events()}


class Viewer:
    """A client's end of a session; every event is held against the published description."""

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
            raise WebSocketDisconnect(message.get("code", 1000), message.get("reason"))
        if message.get("text") is None:
            found = unpack(message["bytes"])
        else:
            found = json.loads(message["text"])
            schema = {"$ref": f"#/components/schemas/{NAMES[found['type']]}"}
            jsonschema.validate(found, {**schema, "components": {"schemas": SCHEMAS}})
        self.seen.append(found)
        return found

    def until(self, condition):
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            found = self.next()
            if condition(found):
                return found
        raise AssertionError(f"waited in vain; the last messages: {self.seen[-5:]}")

    def event(self, kind: str) -> dict:
        return self.until(lambda m: isinstance(m, dict) and m["type"] == kind)

    def media(self, kind: MessageKind, **wanted):
        return self.until(
            lambda m: (
                isinstance(m, tuple)
                and m[0].kind is kind
                and all(getattr(m[0], name) == value for name, value in wanted.items())
            )
        )

    def voiced(self):
        return self.until(
            lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.SOUND and any(m[1])
        )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def dialled(
    client,
    token: str,
    protocols=("flowact.v1",),
    query: dict[str, str] | None = None,
    **headers: str,
):
    headers = {**bearer(token), **headers} if token else headers
    address = f"/v1/socket?{urlencode(query or {})}"
    return client.websocket_connect(address, subprotocols=list(protocols), headers=headers)


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
def visiting(client, token: str, **query: str):
    """Connect with a token, as the page does; whatever comes first is left to be read."""
    with dialled(client, token, query=query) as socket:
        viewer = Viewer(socket)
        with _pinging(viewer):
            yield viewer
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            viewer.send("session.close")


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
