"""What a character can be asked to do, and what any text amounts to.

The model was trained on these phrases only. A text that is none of them is taken for the phrase it
shares most words and trigrams with, and the match says so.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from typing import Final

from flowact.conditioning.pieces import pieces, words

PHRASES: Final[dict[str, tuple[str, ...]]] = {
    "idling": (
        "idling", "idle", "do nothing", "wait", "waiting", "stand still", "stay calm", "rest",
        "be quiet", "relax", "just stand there", "sit quietly", "look at the camera", "no action",
        "breathe and blink", "stay in place",
    ),
    "listening": (
        "listening", "listen", "listen carefully", "listen to me", "pay attention", "be attentive",
        "hear me out", "follow what I say", "attend to the speaker", "show interest",
        "lean in and listen", "react to what you hear", "let me talk",
    ),
    "speaking": (
        "speaking", "speak", "talk", "talking", "say it", "answer", "reply", "explain", "tell me",
        "give a speech", "present", "talk to the viewer", "speak with your hands", "read it out",
        "tell a story", "respond to the question",
    ),
    "thinking": (
        "thinking", "think", "think about it", "ponder", "consider", "reflect", "wonder",
        "take a moment to think", "hand on chin", "look thoughtful", "be pensive",
        "look up and think", "hesitate", "search for an answer",
    ),
    "nodding": (
        "nodding", "nod", "nod your head", "agree", "say yes", "confirm", "show agreement",
        "approve", "nod slowly", "yes", "signal that you understand", "acknowledge",
    ),
    "shaking": (
        "shaking", "shake your head", "shaking the head", "disagree", "say no", "deny", "refuse",
        "show disagreement", "reject", "no", "decline", "shake head",
    ),
    "waving": (
        "waving", "wave", "wave your hand", "wave hello", "say hello", "say goodbye", "greet",
        "greet the viewer", "wave goodbye", "hello", "goodbye", "welcome me", "wave at the camera",
        "hi there",
    ),
    "smiling": (
        "smiling", "smile", "give a smile", "look happy", "be happy", "smile warmly", "be friendly",
        "grin", "look pleased", "show joy", "smile at me", "cheerful face",
    ),
    "laughing": (
        "laughing", "laugh", "laugh out loud", "giggle", "chuckle", "burst out laughing",
        "crack up", "laugh at the joke", "find it funny", "be amused", "that was funny", "a hearty laugh",
    ),
    "surprised": (
        "surprised", "look surprised", "be surprised", "be amazed", "act shocked", "gasp",
        "astonished", "raise your eyebrows", "show surprise", "wow", "be startled",
    ),
    "shrugging": (
        "shrugging", "shrug", "shrug your shoulders", "I don't know", "be unsure", "who knows",
        "show you don't know", "be clueless", "raise your shoulders", "no idea", "act indifferent",
    ),
    "pointing": (
        "pointing", "point", "point at me", "point at the viewer", "point to the camera",
        "point forward", "point your finger", "single me out", "that is you", "you there",
        "indicate the viewer",
    ),
    "thumbs_up": (
        "thumbs up", "give a thumbs up", "show your thumb", "well done", "good job",
        "show approval with your thumb", "thumb up", "like it", "great work", "all good",
        "okay sign",
    ),
}  # fmt: skip
"""Ways to ask for each behaviour, the plainest first; the order is that of training's labels."""


@dataclass(frozen=True)
class ActionMatch:
    """What a text was taken for.

    Attributes:
        behaviour: one of the known behaviours.
        matched_phrase: the training phrase to condition on.
        exact: whether the text is that phrase.
        message: what to tell the user.
    """

    behaviour: str
    matched_phrase: str
    exact: bool
    message: str


def resolve(text: str) -> ActionMatch:
    """Find the known behaviour that a text asks for; any text gives an answer."""
    phrase = " ".join(words(text))
    if not text.strip():
        return ActionMatch("idling", "idling", True, "No action given: idling.")
    known = _phrases()
    if phrase in known:
        return ActionMatch(known[phrase], phrase, True, f"Action: {known[phrase]}.")
    if not phrase:
        return ActionMatch("idling", "idling", False, f"There is no word in '{text}': idling.")
    nearest = max(known, key=lambda candidate: _similarity(phrase, candidate))
    if _similarity(phrase, nearest) < NOTHING_IN_COMMON:
        return ActionMatch(
            "speaking", "speaking", False, f"'{text}' is not a known action; speaking instead."
        )
    message = f"'{text}' is not a known action; the nearest is {known[nearest]} ('{nearest}')."
    return ActionMatch(known[nearest], nearest, False, message)


NOTHING_IN_COMMON: Final = 0.25
"""Cosine similarity below which the nearest phrase is an accident of spelling."""


@cache
def _phrases() -> dict[str, str]:
    """Normalised phrase to behaviour."""
    return {
        " ".join(words(phrase)): behaviour
        for behaviour, phrases in PHRASES.items()
        for phrase in phrases
    }


@cache
def _frequency() -> Counter[str]:
    """In how many phrases a word or trigram occurs."""
    return Counter(piece for phrase in _phrases() for piece in set(pieces(phrase)))


def _similarity(a: str, b: str) -> float:
    """Cosine of words and trigrams, each weighted by its rarity."""
    left, right = _weights(a), _weights(b)
    dot = sum(weight * right[piece] for piece, weight in left.items() if piece in right)
    return dot / sqrt(_square(left) * _square(right))


def _weights(phrase: str) -> dict[str, float]:
    frequency, total = _frequency(), len(_phrases())
    return {
        piece: count * log(1 + total / (1 + frequency[piece]))
        for piece, count in Counter(pieces(phrase)).items()
    }


def _square(weights: dict[str, float]) -> float:
    return sum(weight**2 for weight in weights.values())
