"""The request for a plan: the same words first every time, so that servers can keep them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from flowact.planner.multimodal.plan import LONGEST_SECONDS, MOST_STEPS, schema

LONGEST_TEXT: Final = 900
MOST_TOKENS: Final = 220
_MEANINGS: Final = {
    "idling": "rest, breathe, blink",
    "listening": "attend to the viewer",
    "speaking": "talk with small natural gestures",
    "thinking": "look away, ponder",
    "nodding": "agree, encourage",
    "shaking": "disagree, refuse",
    "waving": "greet or say goodbye",
    "smiling": "be friendly, be pleased",
    "laughing": "react to something funny",
    "surprised": "react to something unexpected",
    "shrugging": "not know, not mind",
    "pointing": "point at the viewer, stress 'you'",
    "thumbs_up": "praise, approve",
}
_TASK: Final = (
    "You direct the body of an avatar in a live video call. Choose what it does in the next seconds, as an "
    "attentive person would: fitting the words, the voices and the mood, calm rather than busy. The mouth "
    f"moves by itself. Answer with one JSON object: steps (1 to {MOST_STEPS}, each in_s seconds from now, "
    f"behaviour, for_s 1 to {LONGEST_SECONDS} seconds) and why (at most 60 plain characters). Behaviours: "
)


class Rung(IntEnum):
    """What a server is given: less where it takes no more."""

    TEXT = 0
    PICTURE = 1
    SOUND = 2


@dataclass(frozen=True)
class Situation:
    """What the planner is asked about.

    Attributes:
        state: what goes on, in words: `the viewer has finished; an answer is being made`.
        text: what the avatar is saying, as far as it is known.
        viewer_text: what the viewer said, as far as it is known.
        recent: the last behaviours, oldest first.
        picture: the portrait as JPEG, or nothing.
        viewer_sound, avatar_sound: their last four seconds as WAV, or nothing.
    """

    state: str
    text: str = ""
    viewer_text: str = ""
    recent: tuple[str, ...] = ()
    picture: bytes = b""
    viewer_sound: bytes = b""
    avatar_sound: bytes = b""


def request_body(model: str, situation: Situation, rung: Rung) -> dict[str, Any]:
    """Return the body of a chat completion that asks for a plan."""
    listed = "; ".join(f"{name} ({meaning})" for name, meaning in _MEANINGS.items())
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": f"{_TASK}{listed}."},
            {"role": "user", "content": _parts(situation, rung)},
        ],
        "max_tokens": MOST_TOKENS,
        "temperature": 0.4,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "plan", "strict": True, "schema": schema()},
        },
    }


def _parts(situation: Situation, rung: Rung) -> list[dict[str, Any]] | str:
    """Return the parts of the question, the picture first: it never changes."""
    parts: list[dict[str, Any]] = []
    if rung >= Rung.PICTURE and situation.picture:
        url = f"data:image/jpeg;base64,{_base64(situation.picture)}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    if rung >= Rung.SOUND:
        for who, sound in (("viewer", situation.viewer_sound), ("avatar", situation.avatar_sound)):
            if sound:
                parts.append({"type": "text", "text": f"The {who}'s last seconds:"})
                audio = {"data": _base64(sound), "format": "wav"}
                parts.append({"type": "input_audio", "input_audio": audio})
    words = _words(situation)
    return [*parts, {"type": "text", "text": words}] if parts else words


def _words(situation: Situation) -> str:
    """Return the situation as JSON, in which nobody's words can pass for ours."""
    told = {
        "state": situation.state,
        "avatar_says": situation.text[:LONGEST_TEXT],
        "viewer_said": situation.viewer_text[:LONGEST_TEXT],
        "recent_behaviours": list(situation.recent),
    }
    return json.dumps({key: value for key, value in told.items() if value}, ensure_ascii=False)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
