"""The planner that needs no language model: voice activity and words in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from flowact.conditioning.actions import resolve
from flowact.planner.protocol import Decision, Observation

ASKED_SECONDS: Final = 4.0
CUE_SECONDS: Final = 2.4
NOD_AFTER: Final = 3.0
"""Seconds of uninterrupted speech of the viewer that deserve a nod."""
NOD_SECONDS: Final = 1.6
NOD_EVERY: Final = 6.0
BORED_AFTER: Final = 25.0
SMILE_SECONDS: Final = 3.0

_CUES: Final = (
    (r"\b(hello|hi|hey|welcome|good (morning|evening)|goodbye|bye)\b", "waving", "a greeting"),
    (r"\b(haha|funny|joke|laugh)\b", "laughing", "something funny"),
    (r"\b(don't know|no idea|not sure|who knows|perhaps)\b", "shrugging", "uncertainty"),
    (r"\b(great|well done|excellent|perfect|good job)\b", "thumbs_up", "praise"),
    (r"\b(wow|incredible|amazing|unbelievable)\b", "surprised", "surprise"),
    (r"\b(glad|happy|pleased|thank|lovely|nice)\b", "smiling", "something friendly"),
    (r"\b(yes|indeed|exactly|of course|right)\b", "nodding", "agreement"),
    (r"\b(no|never|sorry|cannot)\b", "shaking", "disagreement"),
    (r"\b(let me think|hmm|maybe)\b", "thinking", "hesitation"),
)
_ARMS: Final = frozenset({"waving", "shrugging", "thumbs_up", "pointing", "thinking"})
"""Behaviours that are mostly hands and arms."""


@dataclass(frozen=True)
class _Held:
    """A behaviour that stays until a time, whatever else is observed."""

    behaviour: str
    until: float


class RuleBasedPlanner:
    """Listens while the viewer speaks, speaks while there is speech, gestures at words.

    Args:
        arms: whether words may move the arms; of a picture that shows none, they are made up.
    """

    def __init__(self, *, arms: bool = True) -> None:
        self._arms = arms
        self._current = "idling"
        self._held: _Held | None = None
        self._text = ""
        self._viewer_since: float | None = None
        self._nodded, self._quiet_since = -NOD_EVERY, 0.0

    def observe(self, observation: Observation) -> Decision | None:
        """Apply the rules in the order of their importance."""
        at = observation.at
        self._track(observation)
        if observation.asked:
            match = resolve(observation.asked)
            self._held = _Held(match.behaviour, at + ASKED_SECONDS)
            return self._decide(
                at, match.behaviour, f"{observation.asked_by} asked for “{observation.asked}”"
            )
        if self._held is not None and at < self._held.until and not self._barged(observation):
            return None
        self._held = None
        return self._choose(observation)

    def hear(self, speaker: Literal["viewer", "avatar"], sound: NDArray[np.int16]) -> None:
        """Do nothing: the rules need no sound."""

    def close(self) -> None:
        """Do nothing."""

    def _choose(self, observation: Observation) -> Decision | None:
        at = observation.at
        if observation.viewer_speaking and not observation.avatar_speaking:
            return self._listen(at)
        if observation.avatar_speaking:
            return self._speak(observation)
        if observation.reply_expected:
            behaviour = "thinking" if self._arms else "listening"
            return self._decide(at, behaviour, "you finished; an answer is being made")
        if at - self._quiet_since > BORED_AFTER:
            self._quiet_since = at
            self._held = _Held("smiling", at + SMILE_SECONDS)
            return self._decide(at, "smiling", "it has been quiet for a while")
        return self._decide(at, "idling", "nobody speaks")

    def _listen(self, at: float) -> Decision | None:
        since = self._viewer_since if self._viewer_since is not None else at
        if at - since > NOD_AFTER and at - self._nodded > NOD_EVERY:
            self._nodded = at
            self._held = _Held("nodding", at + NOD_SECONDS)
            return self._decide(at, "nodding", f"you have spoken for {at - since:.0f} s")
        return self._decide(at, "listening", "you speak")

    def _speak(self, observation: Observation) -> Decision | None:
        if observation.text and observation.text != self._text:
            self._text = observation.text
            cue = find_cue(observation.text)
            if cue is not None and (self._arms or cue[0] not in _ARMS):
                self._held = _Held(cue[0], observation.at + CUE_SECONDS)
                return self._decide(observation.at, cue[0], f"the text holds {cue[1]}")
        return self._decide(observation.at, "speaking", "there is something to say")

    def _track(self, observation: Observation) -> None:
        if not observation.viewer_speaking:
            self._viewer_since = None
        elif self._viewer_since is None:
            self._viewer_since = observation.at
        if observation.viewer_speaking or observation.avatar_speaking:
            self._quiet_since = observation.at
        if not observation.text:
            self._text = ""

    def _barged(self, observation: Observation) -> bool:
        """Whether the viewer has begun to speak, which ends whatever gesture is going on."""
        return observation.viewer_speaking and self._current not in ("listening", "nodding")

    def _decide(self, at: float, behaviour: str, why: str) -> Decision | None:
        if behaviour == self._current:
            return None
        self._current = behaviour
        phrase = resolve(behaviour.replace("_", " ")).matched_phrase
        return Decision(at, behaviour, phrase, why)


def find_cue(text: str) -> tuple[str, str] | None:
    """Return the behaviour that a text calls for and what calls for it, if anything does."""
    lowered = text.lower()
    for pattern, behaviour, reason in _CUES:
        if re.search(pattern, lowered):
            return behaviour, reason
    return None
