"""Which script a text is written in, and which languages a voice needs to read it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

LATIN: Final = "LATIN"
LANGUAGES: Final = {
    "CYRILLIC": ("ru", "Cyrillic"),
    "GREEK": ("el", "Greek"),
    "ARABIC": ("ar", "Arabic"),
    "HEBREW": ("he", "Hebrew"),
    "DEVANAGARI": ("hi", "Devanagari"),
    "CJK": ("cmn", "Chinese"),
    "HIRAGANA": ("ja", "Japanese"),
    "KATAKANA": ("ja", "Japanese"),
    "HANGUL": ("ko", "Korean"),
}
"""A language for each script that has one for most of its texts (eSpeak's codes), and what people call it."""


def script(text: str) -> str:
    """Return the script of most letters, by the first word of their names in Unicode; Latin if there are none.

    Japanese is written with Chinese characters too: a single kana decides.
    """
    counts = Counter(
        unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha()
    )
    for kana in ("HIRAGANA", "KATAKANA"):
        if counts[kana]:
            return kana
    return counts.most_common(1)[0][0] if counts else LATIN


def called(name: str) -> str:
    """Return what people call a script."""
    return LANGUAGES[name][1] if name in LANGUAGES else name.capitalize()
