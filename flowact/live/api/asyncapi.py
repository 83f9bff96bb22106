"""The socket described as AsyncAPI 3, made from the models that read and write it."""

from __future__ import annotations

from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from flowact import __version__
from flowact.live.api.models import PROTOCOL, SocketQuery
from flowact.live.protocol import events

_REFERENCE: Final = "#/components/schemas/{model}"
_MEDIA: Final = (
    "One frame or the sound of four: a header of 68 bytes, little-endian, then H.264 (Annex B), a "
    "JPEG file, or 16-bit sound at 16 kHz. The header: u8 kind (1 H.264, 2 JPEG, 3 still, 4 sound), u8 "
    "flags (1 key, 2 flush, 4 speaking, 8 last), u16 version 2, u32 epoch, u32 sequence, four f32 (ms of "
    "work), f64 media time, f64 heard, f64 started, f64 made, f64 sent (ms)."
)
_SOUND: Final = (
    "16-bit mono sound, little-endian, at most 65536 bytes. In mode avatar it is spoken, at the rate of "
    "audio.start (16000 without one). In mode agent it is the viewer's microphone, at 16000."
)


def client_events() -> tuple[type[BaseModel], ...]:
    """Return the models of all events up."""
    union = get_args(events.ClientEvent)[0]
    return tuple(get_args(union))


def server_events() -> tuple[type[BaseModel], ...]:
    """Return the models of all events down."""
    return tuple(get_args(events.ServerEvent))


def document() -> dict[str, Any]:
    """Return the description of the socket."""
    up, down = client_events(), server_events()
    _, schemas = models_json_schema(
        [*((model, "validation") for model in up), *((model, "serialization") for model in down)],
        ref_template=_REFERENCE,
    )
    messages = {name_of(model): _message(model) for model in (*up, *down)}
    messages["audio.append"] = _binary("audio.append", _SOUND)
    messages["media"] = _binary("media", _MEDIA)
    sent = [*(name_of(model) for model in up), "audio.append"]
    received = [*(name_of(model) for model in down), "media"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "FlowAct sessions",
            "version": "1",
            "x-generator": f"FlowAct {__version__}",
            "description": "New events and fields may come within version 1. Clients ignore what they "
            "do not know.",
        },
        "channels": {"session": _channel(messages)},
        "operations": {
            "send": _operation("receive", sent),
            "receive": _operation("send", received),
        },
        "components": {"messages": messages, "schemas": schemas["$defs"]},
    }


def name_of(model: type[BaseModel]) -> str:
    """Return the type of an event."""
    (name,) = get_args(model.model_fields["type"].annotation)
    return str(name)


def _message(model: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": name_of(model),
        "contentType": "application/json",
        "summary": (model.__doc__ or "").partition("\n")[0],
        "payload": {"$ref": _REFERENCE.format(model=model.__name__)},
    }


def _binary(name: str, summary: str) -> dict[str, Any]:
    return {
        "name": name,
        "contentType": "application/octet-stream",
        "summary": summary,
        "payload": {"type": "string", "format": "binary"},
    }


def _channel(messages: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": "/v1/socket",
        "description": f"A WebSocket of the subprotocol {PROTOCOL}. The client token goes into the header "
        "Authorization as a bearer, or is offered as a second subprotocol, token.TOKEN. So does a resume "
        "token, or a page token, which begins a session of mode agent.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "ws": {
                "method": "GET",
                "query": SocketQuery.model_json_schema(),
            }
        },
    }


def _operation(action: str, names: list[str]) -> dict[str, Any]:
    """Return an operation as AsyncAPI sees it, from the side of the server."""
    return {
        "action": action,
        "channel": {"$ref": "#/channels/session"},
        "messages": [{"$ref": f"#/channels/session/messages/{name}"} for name in names],
    }
