"""A conversation with a language model: what was said, who answers, what the model may do besides."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from flowact.conditioning.actions import PHRASES
from flowact.errors import UserError
from flowact.live.dialogue.history import ConversationHistory
from flowact.live.speech.chat import ChatModel, Message, ToolCall, no_answer, results

MANNER: Final = (
    "You are a friendly person in a live video call. Answer in one to three short spoken "
    "sentences, without lists, markup or emoji."
)
NOT_CONFIGURED: Final = "You were heard, but no language model is configured to answer."
SET_ACTION: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "set_action",
        "description": "Let yourself be seen doing something while you talk.",
        "parameters": {
            "type": "object",
            "properties": {"action": {"type": "string", "enum": list(PHRASES)}},
            "required": ["action"],
        },
    },
}


class Conversation:
    """One viewer's conversation.

    Attributes:
        history: what was said and heard.

    Args:
        chat: answers, if there is one.
        persona: who it answers as; empty for nobody in particular.
        act: lets the avatar do one of the known behaviours.
    """

    def __init__(self, chat: ChatModel | None, persona: str, act: Callable[[str], None]) -> None:
        self._chat, self._act = chat, act
        self._persona = _with_manner(persona)
        self.history = ConversationHistory()

    @property
    def can_answer(self) -> bool:
        """Whether a language model is configured."""
        return self._chat is not None

    def become(self, persona: str) -> None:
        """Answer as somebody else from now on."""
        self._persona = _with_manner(persona)

    async def answer(self, question: str) -> AsyncGenerator[str, None]:
        """Yield the answer as it is written.

        Raises:
            UserError: no language model is configured, it failed, or it had nothing to say.
        """
        if self._chat is None:
            raise UserError(NOT_CONFIGURED)
        self.history.ask(question)
        messages: list[Message] = list(self.history.messages(self._persona))
        calls: list[ToolCall] = []
        silent = True
        async with aclosing(self._chat.reply(messages, [SET_ACTION])) as parts:
            async for part in parts:
                if isinstance(part, ToolCall):
                    calls.append(part)
                    continue
                silent = silent and not part.strip()
                yield part
        outcomes = [self._do(call) for call in calls]
        if silent and calls:
            async for text in self._after([*messages, *results(calls, outcomes)]):
                silent = silent and not text.strip()
                yield text
        if silent:
            raise no_answer()

    async def _after(self, messages: list[Message]) -> AsyncGenerator[str, None]:
        """Yield what the model says once it knows what became of its calls; it may not call again."""
        if self._chat is None:
            return
        async with aclosing(self._chat.reply(messages)) as parts:
            async for part in parts:
                if isinstance(part, str):
                    yield part

    def _do(self, call: ToolCall) -> str:
        """Do what the model wants, and say in a word what became of it."""
        if call.name != SET_ACTION["function"]["name"]:
            return "There is no such tool."
        try:
            arguments: Any = json.loads(call.arguments)
            action = arguments["action"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return "The arguments are not what the tool takes."
        if action not in PHRASES:
            return "That is no known action."
        self._act(action)
        return "It is being done."


def _with_manner(persona: str) -> str:
    return f"{persona} {MANNER}" if persona else MANNER
