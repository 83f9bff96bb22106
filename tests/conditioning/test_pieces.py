from flowact.conditioning.pieces import pieces, words


def test_words_and_their_trigrams() -> None:
    assert words("Wave, please!") == ["wave", "please"]
    assert pieces("hi") == ["<hi>", "<hi", "hi>"]
