"""What sessions tell their viewers in the page's words, said as events of `flowact.v1`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flowact.live.protocol import events

Content = dict[str, Any]


def translated(kind: str, content: Content) -> events.ServerEvent | None:
    """Return the event for one of the page's messages; `None` for what only the page needs.

    Raises:
        KeyError: no such message is known.
    """
    return _EVENTS[kind](content)


def _epoch(content: Content) -> events.ServerEvent:
    epoch = int(content["epoch"])
    if content.get("flush"):
        return events.PlaybackFlushed(epoch=epoch)
    voice_ms = int(content.get("voice_ms", 0))
    return events.PlaybackStarted(item_id=str(epoch), epoch=epoch, voice_ms=voice_ms)


def _viewer(content: Content) -> events.ServerEvent:
    if content["speaking"]:
        return events.SpeechStarted()
    return events.SpeechStopped(quiet_ms=content["quiet_ms"])


def _reply(content: Content) -> events.ServerEvent:
    if content["done"]:
        return events.ReplyDone(text=content["text"])
    return events.ReplyDelta(text=content["delta"])


def _error(content: Content) -> events.ServerEvent:
    fatal = bool(content.get("fatal", False))
    return events.ErrorEvent(code="refused", message=str(content["text"]), fatal=fatal)


_EVENTS: Final[dict[str, Callable[[Content], events.ServerEvent | None]]] = {
    "epoch": _epoch,
    "viewer": _viewer,
    "error": _error,
    "heard": lambda content: events.TranscriptFinal(text=content["text"]),
    "reply": _reply,
    "finished": lambda _content: None,  # told with how much was heard, as `playback.finished`
    "moved": lambda _content: events.SessionMoved(),
    "microphone": lambda content: events.MicrophoneChanged(
        mode=content["mode"], why=content.get("why", "")
    ),
    "notice": lambda content: events.NoticeEvent(message=content["text"]),
    "pong": lambda content: events.PongEvent(at=content["at"], server_ms=content["server_ms"]),
    "plan": lambda content: events.ActionChanged(
        behaviour=content["behaviour"], why=content["why"], at=content["at"]
    ),
}
