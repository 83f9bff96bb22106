import pytest

from flowact.conditioning.actions import PHRASES, ActionMatch, resolve
from flowact.conditioning.pieces import words
from flowact.datagen.performance.behaviours import BEHAVIOURS


def test_labels_of_the_data_are_the_behaviours_in_order() -> None:
    assert tuple(PHRASES) == BEHAVIOURS


def test_every_behaviour_has_many_phrases_of_its_own() -> None:
    phrases = [" ".join(words(phrase)) for group in PHRASES.values() for phrase in group]
    assert min(map(len, PHRASES.values())) >= 10
    assert len(set(phrases)) == len(phrases)


@pytest.mark.parametrize("behaviour", PHRASES)
def test_a_behaviours_own_name_is_known(behaviour: str) -> None:
    match = resolve(behaviour)
    assert (match.behaviour, match.exact) == (behaviour, True)


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [
        ("Please wave at them", "waving"),
        ("nod your head, please", "nodding"),
        ("make a shrugging gesture", "shrugging"),
        ("point at the viewer now", "pointing"),
        ("gives a thumb up", "thumbs_up"),
        ("laugh loudly", "laughing"),
    ],
)
def test_a_variation_falls_back_to_the_nearest_and_says_so(text: str, behaviour: str) -> None:
    match = resolve(text)
    assert (match.behaviour, match.exact) == (behaviour, False)
    assert match.matched_phrase in [" ".join(words(p)) for p in PHRASES[behaviour]]
    assert text in match.message
    assert behaviour in match.message


def test_a_text_like_nothing_known_means_speaking() -> None:
    match = resolve("xyzzy")
    assert (match.behaviour, match.exact) == ("speaking", False)
    assert "xyzzy" in match.message


def test_no_text_means_idling() -> None:
    assert resolve("  ") == ActionMatch("idling", "idling", True, "No action given: idling.")


@pytest.mark.parametrize(
    ("text", "behaviour"), [("微笑", "speaking"), ("привет", "speaking"), ("!!", "idling")]
)
def test_what_has_no_latin_letter_is_not_taken_for_nothing(text: str, behaviour: str) -> None:
    match = resolve(text)
    assert (match.behaviour, match.exact) == (behaviour, False)
    assert text in match.message
