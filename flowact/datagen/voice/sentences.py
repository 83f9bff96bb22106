"""Sentences to say: a small grammar over everyday words, rich in lips that meet and mouths that open."""

import hashlib

import numpy as np

HELD_OUT_SHARE = 0.1

_PEOPLE = (
    "my brother", "the baker", "our neighbour", "a young painter", "the bus driver", "Emma", "Peter", "the old sailor",
    "your mother", "the team", "Mister Brown", "a famous poet", "the children", "Barbara", "everybody", "nobody here",
    "the museum guide", "a brave woman", "the farmer", "Philip", "my best friend", "the woman in blue", "Oliver",
)  # fmt: skip
_DEEDS = (
    "bought", "repaired", "painted", "forgot", "imagined", "found", "borrowed", "measured", "opened", "photographed",
    "promised me", "moved", "described", "improved", "broke", "enjoyed", "remembered", "built", "wrapped", "lifted",
)  # fmt: skip
_THINGS = (
    "a paper boat", "the purple umbrella", "four warm muffins", "an enormous map", "the piano", "a small problem",
    "the wooden bridge", "a beautiful poem", "fifty apples", "that funny movie", "a very old violin", "the broken lamp",
    "some fresh vegetables", "the number above the door", "a bowl of soup", "my favourite jumper", "the blue envelope",
    "a chocolate cake", "the happy puppies", "two jars of honey", "the whole story", "a pair of yellow shoes",
)  # fmt: skip
_PLACES = (
    "in the park", "behind the barn", "at the market", "near the river", "on a ship", "before breakfast", "last summer",
    "by the window", "after the game", "in the middle of May", "on the way home", "under the big tree", "for a while",
    "at the top of the hill", "every Monday morning", "without any help", "in five minutes", "above the clouds",
)  # fmt: skip
_OPENINGS = (
    "Well,", "You know,", "By the way,", "Honestly,", "As far as I remember,", "Maybe", "I believe", "Of course,",
    "Oh,",
    "To be fair,", "If you ask me,", "Believe it or not,", "Apparently", "So,", "Fortunately,", "Between you and me,",
)  # fmt: skip
_ADVICE = (
    "open the window and breathe", "put the pan on the table", "give me a moment, please", "move a little to the left",
    "keep both hands on the wheel", "ask for the menu", "bring a warm coat", "have a look at the moon", "call me back",
    "wait for the blue bus", "try the apple pie", "leave your umbrella by the door", "follow the path to the beach",
)  # fmt: skip
_FEELINGS = (
    "I am so happy to see you", "that was a wonderful evening", "I have never been more surprised", "what a lovely day",
    "it makes me laugh every time", "we should do this more often", "I was thinking about that too",
    "thank you very much",
    "I would love to hear more", "that sounds absolutely perfect", "you must be very proud", "how amazing is that",
)  # fmt: skip
_QUESTIONS = (
    "do you want", "have you ever seen", "could you show me", "who brought", "where did you find",
    "why would anyone move",
    "how much would you pay for", "did somebody forget", "shall we take", "what became of",
)  # fmt: skip
_ONSETS = (
    "", "p", "b", "t", "d", "k", "g", "f", "v", "th", "s", "z", "sh", "ch", "j", "m", "n", "l", "r", "w", "h", "y",
    "pl", "br", "tr", "st", "sk", "fl", "gr", "sm", "sp",
)  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u", "ee", "oo", "ah", "oh", "ow", "ay", "er", "or", "ai")
_CODAS = (
    "", "", "", "p", "b", "t", "d", "k", "g", "f", "v", "th", "s", "z", "sh", "m", "n", "ng", "l", "mp", "st", "nd",
)  # fmt: skip


def _pick(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[rng.integers(len(words))]


def _made_up_word(rng: np.random.Generator) -> str:
    syllables = range(rng.integers(1, 4))
    return "".join(
        _pick(_ONSETS, rng) + _pick(_VOWELS, rng) + _pick(_CODAS, rng) for _ in syllables
    )


def _compose(rng: np.random.Generator) -> str:
    """A sentence without capital and full stop; one in four is made-up words.

    Those hold every sequence of sounds, where the vocabulary alone could be learned by heart.
    """
    if rng.random() < 0.25:
        return " ".join(_made_up_word(rng) for _ in range(rng.integers(4, 9)))
    form = rng.integers(6)
    if form == 0:
        return f"{_pick(_PEOPLE, rng)} {_pick(_DEEDS, rng)} {_pick(_THINGS, rng)} {_pick(_PLACES, rng)}"
    if form == 1:
        return f"{_pick(_OPENINGS, rng)} {_pick(_PEOPLE, rng)} {_pick(_DEEDS, rng)} {_pick(_THINGS, rng)}"
    if form == 2:
        return f"{_pick(_ADVICE, rng)}, and {_pick(_ADVICE, rng)}"
    if form == 3:
        return f"{_pick(_OPENINGS, rng)} {_pick(_FEELINGS, rng)}"
    if form == 4:
        return f"{_pick(_QUESTIONS, rng)} {_pick(_THINGS, rng)} {_pick(_PLACES, rng)}?"
    return f"{_pick(_FEELINGS, rng)}, because {_pick(_PEOPLE, rng)} {_pick(_DEEDS, rng)} {_pick(_THINGS, rng)}"


def is_held_out(sentence: str) -> bool:
    """Whether a sentence belongs to the tenth that is never used for training (stable across runs)."""
    digest = hashlib.sha256(sentence.lower().encode()).digest()
    return digest[0] < 256 * HELD_OUT_SHARE


def random_sentence(rng: np.random.Generator, held_out: bool = False) -> str:
    """A random sentence of the training part or of the held-out part."""
    while True:
        text = _compose(rng)
        sentence = text[0].upper() + text[1:] + ("" if text.endswith("?") else ".")
        if is_held_out(sentence) == held_out:
            return sentence
