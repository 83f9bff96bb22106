from itertools import pairwise

import pytest

from flowact.live.dialogue.history import MOST_TURNS, ConversationHistory
from flowact.live.dialogue.listener import LONG_WAIT, SHORT_WAIT, USUAL_WAIT, patience


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("What is that?", SHORT_WAIT),
        ("It is here.", SHORT_WAIT),
        ("你在哪里？", SHORT_WAIT),
        ("I would like to go to the", LONG_WAIT),
        ("First of all,", LONG_WAIT),
        ("And then I ...", LONG_WAIT),
        ("Well, um", LONG_WAIT),
        ("no marks at all here", USUAL_WAIT),
        ("", USUAL_WAIT),
    ],
)
def test_a_turn_ends_sooner_when_its_words_end_a_sentence(text, wait):
    assert patience(text) == wait


def test_turns_alternate_whatever_happens():
    history = ConversationHistory()
    history.answered("Nobody asked.")
    history.ask("One?")
    history.answered("")
    history.ask("Two?")
    history.answered("Both.")
    history.ask("Three?")
    history.give_up()
    history.give_up()
    history.ask("Four?")
    assert [turn["content"] for turn in history.messages("Be.")] == [
        *("Be.", "One? Two?", "Both.", "Four?")
    ]
    for number in range(MOST_TURNS):
        history.answered(f"{number}.")
        history.ask(f"{number}?")
    roles = [turn["role"] for turn in history.messages("Be.")]
    assert roles[1] == "user" and all(one != two for one, two in pairwise(roles))
