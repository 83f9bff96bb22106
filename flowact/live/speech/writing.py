"""Which script a text is written in, and which languages a voice needs to read it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

LATIN: Final = "LATIN"
_LATIN: Final = frozenset({LATIN})
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


_WRITTEN: Final = {
    "CYRILLIC": "be bg kk ky mk mn ru sr tg tt uk",
    "GREEK": "el grc",
    "ARABIC": "ar fa ps ug ur",
    "HEBREW": "he yi",
    "DEVANAGARI": "hi mr ne sa",
    "CJK": "cmn yue zh",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "ARMENIAN": "hy",
    "BENGALI": "as bn",
    "GEORGIAN": "ka",
    "GUJARATI": "gu",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}
"""Languages, by ISO 639 codes, that are not written in Latin letters."""


def scripts_of(language: str) -> frozenset[str]:
    """Return the scripts of a language, by its code with or without a region: `ru`, `en-us`, `zh_CN`."""
    code = language.replace("_", "-").partition("-")[0].lower()
    return frozenset(name for name, codes in _WRITTEN.items() if code in codes.split()) or _LATIN


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
