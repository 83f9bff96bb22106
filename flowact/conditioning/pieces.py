"""What a text consists of: its words, and the trigrams of their letters. No PyTorch is needed."""

import re


def words(text: str) -> list[str]:
    """Lower-case words of a text in any script, without punctuation."""
    return re.findall(r"(?:[^\W_]|')+", text.lower())


def pieces(text: str) -> list[str]:
    """Words and the character trigrams of each word, in order of appearance."""
    return [
        piece
        for word in words(text)
        for piece in (f"<{word}>", *(f"<{word}>"[i : i + 3] for i in range(len(word))))
    ]
