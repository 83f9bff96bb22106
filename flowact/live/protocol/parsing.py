"""Reads what a client sent, and refuses what is no message of `flowact.v1`."""

from __future__ import annotations

from typing import Final

from pydantic import TypeAdapter, ValidationError

from flowact.live.protocol.events import (
    LONGEST_ACTION,
    LONGEST_APPEND,
    LONGEST_EVENT,
    LONGEST_TEXT,
    ActionSet,
    ClientEvent,
    TextAsk,
    TextSay,
)
from flowact.live.protocol.problem import ApiError

_ADAPTER: Final[TypeAdapter[ClientEvent]] = TypeAdapter(ClientEvent)


def check_sound(sound: bytes) -> None:
    """Refuse a binary message that is no sound.

    Raises:
        ApiError: it ends inside a sample, or is too long.
    """
    if len(sound) % 2:
        raise ApiError("odd_length", "The sound ends inside a sample: it has two bytes each.")
    if len(sound) > LONGEST_APPEND:
        raise ApiError("too_large", f"One message holds at most {LONGEST_APPEND} bytes of sound.")


def parse_event(message: str) -> ClientEvent:
    """Read what a client sent.

    Raises:
        ApiError: too long, not JSON, or no event of version 1.
    """
    if len(message) > LONGEST_EVENT:
        raise ApiError("too_large", f"An event has at most {LONGEST_EVENT} characters.")
    try:
        event: ClientEvent = _ADAPTER.validate_json(message)
    except (ValidationError, RecursionError) as error:
        reason = _reason(error) if isinstance(error, ValidationError) else "it is nested too deep"
        raise ApiError("invalid_event", f"That is no event of flowact.v1: {reason}.") from error
    if isinstance(event, TextSay | TextAsk) and len(event.text) > LONGEST_TEXT:
        raise ApiError(
            "text_too_long",
            f"That text has {len(event.text)} characters; at most {LONGEST_TEXT} at a time.",
        )
    if isinstance(event, ActionSet) and len(event.text) > LONGEST_ACTION:
        raise ApiError("text_too_long", f"An action has at most {LONGEST_ACTION} characters.")
    return event


def _reason(error: ValidationError) -> str:
    """Say the first mistake without repeating what was sent."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "union_tag_invalid":
        return "its type is unknown"
    return f"{place}: {first['msg'].lower()}" if place else str(first["msg"]).lower()
