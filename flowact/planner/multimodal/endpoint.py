"""An OpenAI-compatible server that makes plans: what it takes, whether it is well, when to leave it alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from flowact.planner.multimodal.plan import ActionPlan, parse_plan
from flowact.planner.multimodal.prompt import Rung, Situation, request_body

_log = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 2.5
MOST_BYTES: Final = 65_536
FAILURES: Final = 3
REST_SECONDS: Final = 60.0
"""After three failures in a row the server is left alone for so long."""
RUNG_SECONDS: Final = 600.0
"""How long it is remembered that a server takes no sound or no picture."""
_REFUSES_PARTS: Final = frozenset({400, 404, 413, 415, 422, 500, 501})
"""What servers answer to parts that they do not know; llama.cpp says 500."""


class NoPlanError(Exception):
    """There is no plan; the message says why in words for the owner's log."""


@dataclass(frozen=True)
class PlannerSettings:
    """Which model plans, and where.

    Attributes:
        base_url: of an OpenAI-compatible server, `http://127.0.0.1:8080/v1` for one.
        model: its name there; without one nothing is asked and nothing leaves the machine.
        api_key: of the server.
        deadline: seconds after which an answer is of no use.
    """

    base_url: str = ""
    model: str = ""
    api_key: str = field(default="", repr=False)
    deadline: float = DEADLINE_SECONDS

    @property
    def configured(self) -> bool:
        """Whether there is a model to ask."""
        return bool(self.base_url and self.model)


def planner_settings(environment: Mapping[str, str]) -> PlannerSettings:
    """Read `FLOWACT_PLANNER_MODEL`, `_BASE_URL` and `_API_KEY`.

    Without an address of its own the planner asks the server of the conversation, with its key.
    """
    own = environment.get("FLOWACT_PLANNER_BASE_URL", "")
    key_name = "FLOWACT_PLANNER_API_KEY" if own else "FLOWACT_OPENAI_API_KEY"
    return PlannerSettings(
        base_url=own or environment.get("FLOWACT_OPENAI_BASE_URL", ""),
        model=environment.get("FLOWACT_PLANNER_MODEL", ""),
        api_key=environment.get(key_name, ""),
    )


class PlannerEndpoint:
    """One server, shared by all sessions.

    Attributes:
        settings: see there.
        rung: how much it is given at present.

    Args:
        settings: see above.
        now: seconds of a monotonic clock.
    """

    def __init__(
        self, settings: PlannerSettings, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings, self._now = settings, now
        self._client: httpx.AsyncClient | None = None
        self._rung, self._rung_until = Rung.SOUND, float("-inf")
        self._failures, self._rests_until = 0, float("-inf")
        self._said = ""

    @property
    def available(self) -> bool:
        """Whether it may be asked now."""
        return self.settings.configured and self._now() >= self._rests_until

    @property
    def rung(self) -> Rung:
        """The most that the server is known to take."""
        return self._rung if self._now() < self._rung_until else Rung.SOUND

    async def plan(self, situation: Situation) -> ActionPlan:
        """Ask for a plan, with less to hear and see where the server refuses it.

        Raises:
            NoPlanError: the server is left alone, does not answer in time, or answers no plan.
        """
        if not self.available:
            raise NoPlanError("the server is left alone for a while")
        try:
            plan = parse_plan(await self._ask_down(situation))
        except (httpx.HTTPError, ValueError) as error:
            reason = _reason(error)
            self._failed(reason)
            raise NoPlanError(reason) from error
        self._failures, self._said = 0, ""
        return plan

    async def raw(self, situation: Situation, rung: Rung) -> str:
        """Return what the server answers at one rung, be it a plan or not.

        Raises:
            httpx.HTTPError: it does not answer, or refuses.
            ValueError: the answer is no chat completion.
        """
        body = request_body(self.settings.model, situation, rung)
        answer = await self._post(body)
        try:
            content = answer.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError("the answer is no chat completion") from error
        if not isinstance(content, str):
            raise ValueError("the answer holds no text")
        return content

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask_down(self, situation: Situation) -> str:
        """Ask at the rung that is known, and at lower ones as long as the server refuses parts."""
        rung = self.rung
        while True:
            try:
                return await self.raw(situation, rung)
            except httpx.HTTPStatusError as error:
                code = error.response.status_code
                if rung is Rung.TEXT or code not in _REFUSES_PARTS:
                    raise
                rung = Rung(rung - 1)
                _log.info(
                    "the planner's server answered %d; it gets no more than %s", code, rung.name
                )
                self._rung, self._rung_until = rung, self._now() + RUNG_SECONDS

    async def _post(self, body: dict[str, Any]) -> httpx.Response:
        """Post, and read no more of the answer than a plan can have."""
        client = self._open()
        async with client.stream("POST", "chat/completions", json=body) as streamed:
            content = bytearray()
            async for part in streamed.aiter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise ValueError("the answer is far too long")
            answer = httpx.Response(
                streamed.status_code, content=bytes(content), request=streamed.request
            )
        return answer.raise_for_status()

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            settings = self.settings
            headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
            self._client = httpx.AsyncClient(
                base_url=f"{settings.base_url.rstrip('/')}/",
                headers=headers,
                timeout=settings.deadline + 1,  # whoever asks gives up before
            )
        return self._client

    def timed_out(self) -> None:
        """Take note of an answer that did not come in time."""
        self._failed(f"no answer within {self.settings.deadline:g} s")

    def _failed(self, reason: str) -> None:
        """Count a failure; the log is told of each reason once, until the server is well again."""
        self._failures += 1
        if reason != self._said:
            self._said = reason
            _log.warning("the planner's server made no plan, so the rules go on: %s", reason)
        if self._failures >= FAILURES:
            self._failures = 0
            self._rests_until = self._now() + REST_SECONDS


def _reason(error: Exception) -> str:
    """Say what is wrong without repeating what the server sent."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code}"
    if isinstance(error, httpx.HTTPError):
        return f"it cannot be asked ({type(error).__name__})"
    return str(error)
