"""A client's end of the session interface, as the tests need it."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode

import jsonschema
from starlette.websockets import WebSocketDisconnect

from flowact.live.api import asyncapi
from flowact.live.protocol.binary import MessageKind, unpack
from tests.live.viewer import PATIENCE

SCHEMAS = asyncapi.document()["components"]["schemas"]
NAMES = {asyncapi.name_of(model): model.__name__ for model in asyncapi.server_events()}


class Caller:
    """A program's end of the socket; every event is held against the published description."""

    def __init__(self, socket) -> None:
        self.socket, self.seen = socket, []

    def send(self, kind: str, **content: object) -> None:
        self.socket.send_text(json.dumps({"type": kind, **content}))

    def next(self):
        if len(self.seen) % 60 == 59:  # who is silent for 15 s is taken for gone
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

    def voiced(self):
        return self.until(
            lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.SOUND and any(m[1])
        )


def dialled(
    client,
    token: str,
    protocols=("flowact.v1",),
    query: dict[str, str] | None = None,
    **headers: str,
):
    headers = {"Authorization": f"Bearer {token}", **headers} if token else headers
    address = f"/v1/socket?{urlencode(query or {})}"
    return client.websocket_connect(address, subprotocols=list(protocols), headers=headers)
