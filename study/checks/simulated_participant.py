"""A participant without a browser: walks the whole way through the API and keeps every reply.

`study audit` and the tests look at what it was sent. It needs the database to know the spoken digits.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import select

from study.database.models import Participant
from study.design.translations import offered
from study.voting import tokens
from study.voting.context import StudyContext


class HttpReply(Protocol):
    """What a client library gives back."""

    @property
    def status_code(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers."""

    @property
    def content(self) -> bytes:
        """Body."""

    def json(self) -> Any:
        """Body as JSON."""


class Client(Protocol):
    """The part of httpx that is needed."""

    def get(self, url: str) -> Any:
        """GET."""

    def post(self, url: str, *, json: Any) -> Any:
        """POST of JSON."""


@dataclass
class SimulatedParticipant:
    """One simulated participant. `answer` chooses per dimension; `watch` lets time pass."""

    client: Client
    context: StudyContext
    answer: Callable[[dict[str, Any], str], str]
    watch: Callable[[float], None]
    base: str = ""
    token: str = ""
    replies: list[tuple[str, HttpReply]] = field(default_factory=list)

    def post(self, path: str, body: dict[str, Any], expect: int = 200) -> Any:
        """POST to the API; raises ValueError for an unexpected status."""
        reply = self.client.post(f"{self.base}/api/{path}", json=body)
        self.replies.append((path, reply))
        if reply.status_code != expect:
            raise ValueError(f"{path} answered {reply.status_code}: {reply.content[:300]!r}")
        return reply.json() if path != "sound" else reply.content

    def get(self, path: str) -> HttpReply:
        """GET below the study; the reply is kept."""
        reply: HttpReply = self.client.get(f"{self.base}/{path}")
        self.replies.append((path, reply))
        return reply

    def admit(self) -> None:
        """Enter, consent, pass the sound check."""
        locale = offered(self.context.config)[0]
        self.admit_with(self.post("enter", {"locale": locale})["participant"])

    def admit_with(self, token: str) -> None:
        """Consent and pass the sound check as somebody who has entered."""
        self.token, locale = token, offered(self.context.config)[0]
        version = self.context.config.consent.version
        self.post("consent", {"participant": self.token, "version": version, "locale": locale})
        device = {
            "width": 1280,
            "height": 800,
            "pixel_ratio": 1.0,
            "touch": False,
            "can_play": True,
        }
        for _ in range(1 + self.context.config.sound_check.headphones):
            self.post("sound", {"participant": self.token})
            body = {"participant": self.token, "answer": self.heard(), "device": device}
            self.post("check", body)

    def heard(self) -> str:
        """What the sound check says to this participant."""
        with self.context.store.read() as session:
            row = session.scalar(
                select(Participant).where(Participant.token_hash == tokens.hashed(self.token))
            )
            return (row.challenge or "") if row else ""

    def next(self) -> dict[str, Any]:
        """The next pair, both clips loaded and watched; or {"done": True}."""
        served: dict[str, Any] = self.post("next", {"participant": self.token})
        if not served["done"]:
            for side in ("left", "right"):
                self.get(f"media/{served[side]}")
            self.watch(served["seconds"])
        return served

    def ballot(self, served: dict[str, Any]) -> dict[str, Any]:
        """The body of a vote on a served pair."""
        return {
            "participant": self.token,
            "trial": served["trial"],
            "request_id": str(uuid.uuid4()),
            "choices": {name: self._formed(served, name) for name in served["dimensions"]},
            "playback": PLAYED,
        }

    def _formed(self, served: dict[str, Any], name: str) -> str:
        """The answer in the form of its question."""
        given, form = self.answer(served, name), self.context.config.answer_forms[name]
        return FORMED[form].get(given, given)

    def trials(self) -> Iterator[dict[str, Any]]:
        """Vote on every pair until done; yields each pair after its vote."""
        while not (served := self.next())["done"]:
            self.post("vote", self.ballot(served))
            yield served


FORMED: dict[str, dict[str, str]] = {
    "gsb": {},
    "forced": {"same": "left"},
    "rating": {"left": "4/2", "same": "3/3", "right": "2/4"},
}
PLAYED = {
    "drift_max_ms": 21.0,
    "drift_p95_ms": 9.0,
    "drift_samples": 240,
    "stalls": 0,
    "stalled_ms": 0.0,
    "hidden_ms": 0.0,
    "dropped": 0,
    "frames": 400,
    "plays": 1,
    "heard": "left",
    "answer_ms": 9000.0,
}
