"""Whatever sessions tell their viewers, programs are told as well."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import flowact.live
from flowact.live.api.page_events import translated
from flowact.live.protocol import events

ROOM = Path(flowact.live.__file__).parent


def kinds_sent() -> set[str]:
    """The first argument of every `send_event(...)` under flowact/live."""
    found = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name.lstrip("_") == "send_event" and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


SAMPLES = {
    "epoch": {"epoch": 3, "flush": False, "source": "voice", "voice_ms": 20},
    "finished": {"epoch": 3},
    "moved": {},
    "viewer": {"speaking": False, "quiet_ms": 350},
    "heard": {"text": "Hello?"},
    "reply": {"text": "Hello to you.", "delta": " to you.", "done": False},
    "microphone": {"mode": "off", "why": "The avatar says something else now."},
    "notice": {"text": "Look."},
    "error": {"text": "That failed."},
    "plan": {"at": 1.0, "behaviour": "waving", "why": "a greeting"},
    "pong": {"at": 1.0, "server_ms": 2.0},
}


def test_every_kind_that_is_sent_anywhere_has_a_translation():
    sent = kinds_sent()
    assert {"epoch", "heard", "reply", "microphone", "viewer"} <= sent
    assert sent == set(SAMPLES)
    for kind, content in SAMPLES.items():
        assert translated(kind, content) is not None or kind in ("finished", "moved")


def test_an_answer_grows_and_is_then_whole():
    assert translated("reply", SAMPLES["reply"]) == events.ReplyDelta(text=" to you.")
    whole = translated("reply", {"text": "Hello to you.", "done": True})
    assert whole == events.ReplyDone(text="Hello to you.")


def test_why_the_microphone_went_off_is_told():
    told = translated("microphone", SAMPLES["microphone"])
    assert told.mode == "off" and told.why == SAMPLES["microphone"]["why"]


def test_a_kind_that_nobody_knows_is_a_mistake():
    with pytest.raises(KeyError):
        translated("dance", {})
