"""How a text is cut for a voice while it is being written."""

import pytest

from flowact.live.speech.clauses import FIRST_WORDS, LONGEST, ClauseCutter


def in_pieces(text: str, size: int = 4) -> list[str]:
    cutter = ClauseCutter()
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    found = [clause for part in parts for clause in cutter.feed(part)]
    return found + list(cutter.end())


def test_the_first_clause_is_short_and_the_others_are_sentences():
    text = "Well, that is a good question, I think. It depends, of course. Ask me again later."
    assert in_pieces(text) == [
        "Well, that is a good question,",
        "I think.",
        "It depends, of course.",
        "Ask me again later.",
    ]


def test_a_first_sentence_without_a_comma_begins_after_some_words():
    words = "one two three four five six seven eight nine ten eleven twelve"
    first, *rest = in_pieces(words + ".")
    assert len(first.split()) == FIRST_WORDS and " ".join([first, *rest]) == words + "."


def test_the_first_clause_comes_before_the_text_is_over():
    cutter = ClauseCutter()
    assert list(cutter.feed("Of course I can. And then")) == ["Of course I can."]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Dr. Smith paid 3.50 for it. Really.", ["Dr. Smith paid 3.50 for it.", "Really."]),
        (
            "Read [the long, long text](http://a.b/c) first. Then go.",
            ["Read the long, long text first.", "Then go."],
        ),
        ("你好。我很好，谢谢你！", ["你好。", "我很好，谢谢你！"]),
        ("Use this:\n```\nx = 1. y = 2.\n```\nThat is all.", ["Use this:", "That is all."]),
        ("<think>Let me see. Yes.</think>Yes, it is so.", ["Yes, it is so."]),
        ("Let me see. Yes.</think>It is so.", ["Let me see.", "It is so."]),
        ('{"answer": "It is so."}', ["It is so."]),
        ('{\n  "mood": "glad",\n  "answer": "It is so."\n}', ["It is so."]),
        ('{"mood": "glad", "weather": "It rains."}', ["glad It rains."]),
        ('[{"text": "It is so."}, {"text": "Yes, it is."}]', ["It is so.", "Yes, it is."]),
        ('{"reply": {"parts": [{"text": "It is so."}]}, "id": 5}', ["It is so."]),
        ('{"id": 5, "answer": "It is \\"so\\". And', ['It is "so".', "And"]),
        ('It is so. {"id": 5, "text": "Or is it?"} Yes.', ["It is so.", "Or is it?", "Yes."]),
        ('{"id": 5, "sure": true}', []),
        ("{}", []),
        ("[" * 5_000, []),
        ("[Sic] It is {so}.", ["[Sic] It is {so}."]),
        ("Good morning [[everybody]]. Hello.", ["Good morning [[everybody]].", "Hello."]),
        ("It is so <think>, or is it", ["It is so"]),
        ("🙂", []),
        ("", []),
    ],
)
def test_nothing_is_cut_where_no_speaker_breathes(text, clauses):
    assert in_pieces(text) == clauses


def test_no_clause_is_too_long_for_a_voice():
    found = in_pieces("word " * 300, 50)
    assert max(map(len, found)) <= LONGEST and " ".join(found).split() == ["word"] * 300


def test_a_text_of_any_size_is_cut_in_time_that_grows_with_it():
    assert (
        sum(len(clause.split()) for clause in in_pieces("So it goes on. " * 5_000, 300)) == 20_000
    )
