"""What a dialogue knows, as plain values, so that another server can go on with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["off", "puppet", "conversation"]


@dataclass(frozen=True)
class KeptDialogue:
    """A dialogue in the middle of whatever is said.

    Attributes:
        mode: what the microphone is for.
        voice: name of the voice; empty for the best one.
        language: that the viewer speaks, ISO 639-1; empty to find out.
        question: what the viewer said last.
        turns: what was said and heard, as a language model is told it.
        said: what was heard of the utterance that is being said.
        rest: what is still to be said of it; empty for sound without words.
        answers: whether it answers the viewer.
    """

    mode: Mode
    voice: str
    language: str
    question: str
    turns: list[dict[str, str]]
    said: str = ""
    rest: str = ""
    answers: bool = False
