"""What was said in a conversation, as a language model is to be told: turns alternate, nothing unheard is in it."""

from __future__ import annotations

from typing import Final

MOST_TURNS: Final = 24


class ConversationHistory:
    """The turns of one conversation, the viewer's and the avatar's."""

    def __init__(self) -> None:
        self._turns: list[dict[str, str]] = []

    def ask(self, text: str) -> None:
        """Append what the viewer said; a question that nobody has answered is one with it."""
        if self._turns and self._turns[-1]["role"] == "user":
            self._turns[-1]["content"] += f" {text}"
        else:
            self._turns.append({"role": "user", "content": text})

    def answered(self, text: str) -> None:
        """Append as much of the answer as was heard; if nothing was, the question is still open."""
        if text and self._turns and self._turns[-1]["role"] == "user":
            self._turns.append({"role": "assistant", "content": text})

    def give_up(self) -> None:
        """Forget a question that cannot be answered: it would spoil every later one."""
        if self._turns and self._turns[-1]["role"] == "user":
            self._turns.pop()

    def messages(self, persona: str) -> list[dict[str, str]]:
        """Return the system prompt and the newest turns, which begin with the viewer's."""
        recent = self._turns[-MOST_TURNS:]
        if recent and recent[0]["role"] != "user":
            recent = recent[1:]
        return [{"role": "system", "content": persona}, *(dict(turn) for turn in recent)]

    def newest(self) -> list[dict[str, str]]:
        """Return the newest turns, for `restore`."""
        return [dict(turn) for turn in self._turns[-MOST_TURNS:]]

    def restore(self, turns: list[dict[str, str]]) -> None:
        """Remember what another server was told."""
        self._turns = [dict(turn) for turn in turns]

    def clear(self) -> None:
        """Forget everything."""
        self._turns.clear()
