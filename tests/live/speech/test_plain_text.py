"""What a language model writes, and what is left of it for a voice."""

import pytest

from flowact.live.speech.plain_text import ThoughtFilter, plain


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("**Hello** there, _you_!", "Hello there, you!"),
        ("# Title\n\nText with `code`.", "Title Text with code."),
        ("- one\n- two\n", "one two"),
        ("See [the docs](https://example.org/a_b) now.", "See the docs now."),
        ("Go to https://www.python.org/doc/x?y=1.", "Go to python.org."),
        ("Great \U0001f600\U0001f44d\U0001f3fd job \u2764\ufe0f!", "Great job !"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", "a, b, 1, 2,"),
        ("```python\nprint(1)\n```\n", ""),
        ("![a cat](cat.png)", "a cat"),
        ("你好。", "你好。"),
        ("2 * 3 = 6 and snake_case", "2 * 3 = 6 and snake_case"),
    ],
)
def test_markup_links_and_emoji_are_not_spoken(written, spoken):
    assert plain(written) == spoken


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<think>Hm, a greeting.</think>Hello <b>you</b>.", "Hello <b>you</b>."),
        ("Hi <think>x</think>there", "Hi there"),
        ("1 < 2 and <thin", "1 < 2 and <thin"),
        ("<think>never ends", ""),
    ],
)
def test_thoughts_are_taken_out_wherever_the_pieces_are_cut(written, said, size):
    thoughts = ThoughtFilter()
    parts = [thoughts.feed(written[at : at + size]) for at in range(0, len(written), size)]
    assert "".join(parts) + thoughts.end() == said


def test_a_thought_whose_beginning_the_server_swallowed_is_noticed():
    thoughts = ThoughtFilter()
    assert thoughts.feed("They greet me.</think>Hello.") == "Hello."
    assert thoughts.ended_thought
