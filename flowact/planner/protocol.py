"""What every planner takes and gives, be it a few rules or a language model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Observation:
    """What a planner may know at one moment.

    Attributes:
        at: seconds since the session began.
        viewer_speaking: whether the viewer's voice is heard now.
        avatar_speaking: whether the avatar is speaking now.
        text: the clause that the avatar is saying, as far as it is known as text.
        reply: number of what it says; another number is another reply.
        viewer_text: what the viewer said last, as far as it is known as text.
        reply_expected: the viewer has asked something and an answer is being made.
        asked: an action that somebody asked for just now; empty otherwise.
        asked_by: who did, "you" being the viewer.
    """

    at: float
    viewer_speaking: bool = False
    avatar_speaking: bool = False
    text: str = ""
    reply: int = 0
    viewer_text: str = ""
    reply_expected: bool = False
    asked: str = ""
    asked_by: str = "you"


@dataclass(frozen=True)
class Decision:
    """What to do from now on.

    Attributes:
        at: seconds since the session began.
        behaviour: name of the behaviour.
        phrase: the phrase that the model is given.
        why: the reason, for the viewer to read.
    """

    at: float
    behaviour: str
    phrase: str
    why: str


class Planner(Protocol):
    """Chooses actions; called several times a second."""

    def observe(self, observation: Observation) -> Decision | None:
        """Return a decision when something is to change, `None` when it is to stay."""

    def hear(self, speaker: Literal["viewer", "avatar"], sound: NDArray[np.int16]) -> None:
        """Take sound as it is heard, mono at 16 kHz; planners that do not listen drop it."""

    def close(self) -> None:
        """The session is over."""
