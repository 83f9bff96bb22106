"""A language model's answers, as they are written: the chat completions of OpenAI-compatible servers."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import httpx

from flowact.errors import UserError
from flowact.live.speech.endpoint_client import EndpointClient, EndpointRefusedError

PATH: Final = "chat/completions"
LONGEST_REPLY: Final = 6_000
"""Characters after which an answer ends: some minutes of speech."""
MOST_TOKENS: Final = 600
MOST_CALLS: Final = 4
Message = Mapping[str, Any]


@dataclass(frozen=True)
class ToolCall:
    """Something that the model wants done.

    Attributes:
        name: of the tool.
        arguments: JSON as the model wrote it, which may be no JSON at all.
        identity: how the result refers to it.
    """

    name: str
    arguments: str
    identity: str


_DIALECTS: Final = (
    ("max_tokens", True),
    ("max_completion_tokens", True),
    ("max_tokens", False),
    ("max_completion_tokens", False),
)
"""What a request calls its bound, and whether it offers tools: servers refuse one or the other with 400."""


class ChatModel:
    """Answers conversations; one for all visitors.

    Args:
        client: of the server that answers.
    """

    def __init__(self, client: EndpointClient) -> None:
        self.client = client
        self._dialect = 0

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> AsyncGenerator[str | ToolCall, None]:
        """Yield pieces of the answer's text as they come, and then what the model wants done.

        Raises:
            UserError: the server refused, was cut off, or is not understood.
        """
        for dialect in range(self._dialect, len(_DIALECTS)):
            try:
                async with aclosing(self._ask(messages, tools, *_DIALECTS[dialect])) as answer:
                    async for part in answer:
                        self._dialect = dialect
                        yield part
                return
            except EndpointRefusedError as error:
                if error.status not in (400, 422) or dialect + 1 == len(_DIALECTS):
                    raise

    async def _ask(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]],
        bound: str,
        able: bool,
    ) -> AsyncGenerator[str | ToolCall, None]:
        body = {"model": self.client.endpoint.model, "messages": list(messages), "stream": True}
        body[bound] = MOST_TOKENS
        if tools and able:
            body["tools"] = list(tools)
        calls: dict[int, dict[str, str]] = {}
        written = 0
        async with self.client.post(PATH, json=body) as answer, aclosing(_events(answer)) as events:
            async for event in events:
                delta = self._delta(event)
                _collect(calls, delta.get("tool_calls"))
                if isinstance(text := delta.get("content"), str) and text:
                    yield text[: LONGEST_REPLY - written]
                    written += len(text)
                if written >= LONGEST_REPLY:
                    break
        for call in list(calls.values())[:MOST_CALLS]:
            yield ToolCall(call["name"], call["arguments"], call["id"])

    def _delta(self, event: object) -> Mapping[str, Any]:
        """Return what a piece of the answer adds; a whole message is a piece as well."""
        if not isinstance(event, dict) or event.get("error"):
            raise self.client.understood(PATH)
        choices = event.get("choices") or [{}]  # the last piece may bring the usage alone
        try:
            delta = choices[0].get("delta") or choices[0].get("message") or {}
            return dict(delta)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise self.client.understood(PATH) from error


async def _events(answer: httpx.Response) -> AsyncGenerator[object, None]:
    """Yield the JSON of every server-sent event, or that of a whole answer from a server without them."""
    if "event-stream" not in answer.headers.get("content-type", ""):
        yield _parsed(await answer.aread())
        return
    async for line in answer.aiter_lines():
        field, _, data = line.partition(":")
        if field != "data":
            continue
        if data.strip() == "[DONE]":
            return
        yield _parsed(data)


def _parsed(data: str | bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _collect(calls: dict[int, dict[str, str]], pieces: object) -> None:
    """Join the pieces of tool calls, which come name first and then their arguments bit by bit."""
    for number, piece in enumerate(pieces if isinstance(pieces, list) else ()):
        if not isinstance(piece, dict):
            continue
        index = piece.get("index", number)
        call = calls.setdefault(
            index if isinstance(index, int) else number, {"id": "", "name": "", "arguments": ""}
        )
        function = piece.get("function") or {}
        call["id"] = call["id"] or str(piece.get("id") or f"call_{number}")
        call["name"] += str(function.get("name") or "")
        call["arguments"] += str(function.get("arguments") or "")


def results(calls: Sequence[ToolCall], outcomes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the messages that tell a model what became of its calls.

    Raises:
        ValueError: not one outcome for each call.
    """
    asked = [
        {
            "id": call.identity,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in calls
    ]
    told = [
        {"role": "tool", "tool_call_id": call.identity, "content": outcome}
        for call, outcome in zip(calls, outcomes, strict=True)
    ]
    return [{"role": "assistant", "content": None, "tool_calls": asked}, *told]


def no_answer() -> UserError:
    """Return the error of an answer without words."""
    return UserError("The language model gave no answer to that; say it another way.")
