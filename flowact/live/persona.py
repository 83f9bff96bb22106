"""Who a character is in a conversation: what its card says."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Final

from flowact.assets import Character

_log = logging.getLogger(__name__)

MOST_CHARACTERS: Final = 2_000


@dataclass(frozen=True)
class Persona:
    """A character's part in a conversation.

    Attributes:
        title: how people call the character.
        description: who it is, in the second person, for the language model.
        greeting: what it says when a conversation begins; empty for nothing.
        voice: name of the voice that suits it, with or without its engine; empty for the first.
    """

    title: str = ""
    description: str = ""
    greeting: str = ""
    voice: str = ""

    def prompt(self, owner: str) -> str:
        """Return the system prompt: the owner's words first, then what the card says."""
        greeted = f"You have just said: {self.greeting}" if self.greeting else ""
        return " ".join(part for part in (owner, self.description, greeted) if part)


NOBODY: Final = Persona()


def read_persona(character: Character) -> Persona:
    """Read a character's card; what is missing or unreadable is empty, and the log says so."""
    try:
        card = json.loads(character.card.read_text(encoding="utf-8"))
        words = [
            str(card.get(key, ""))[:MOST_CHARACTERS]
            for key in ("title", "persona", "greeting", "voice")
        ]
    except (OSError, ValueError, AttributeError) as error:
        _log.warning("the card of %s cannot be read: %r", character.name, error)
        return Persona(character.name.capitalize())
    title, *rest = words
    return Persona(title or character.name.capitalize(), *rest)
