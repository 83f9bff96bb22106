"""What is left of a language model's text when it is spoken: no thoughts, no JSON, no markup, no links, no emoji."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

_OPEN, _CLOSE = "<think>", "</think>"
_URL: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>()\[\]]+", re.IGNORECASE)
_JSON: Final = re.compile(r'\{\s*(?:["}]|$)|\[\s*(?:["{]|$)')
"""Where JSON begins, or may begin at the end of what has come."""
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)(?:"(\s*:)?|$)', re.DOTALL)
"""A string of JSON, which may be cut off, and the colon after it if it names a field."""
_SAID: Final = frozenset(
    {"answer", "content", "message", "output", "reply", "response", "say", "speech", "text"}
)
"""Fields for what is to be said; another one may be there for a machine."""
_SPACES: Final = re.compile(r"[ \t]*\n\s*|[ \t]+")
_INVISIBLE: Final = frozenset({"So", "Sk", "Cf", "Co", "Cs"})
"""Unicode's categories of emoji, their modifiers and what joins them."""
_NOT_SPOKEN: Final = frozenset({"fence", "code_block", "html_block"})
_ENDS: Final = frozenset({"paragraph_close", "heading_close", "tr_close"})


class ThoughtFilter:
    """Takes a reasoning model's thoughts out of a text that comes in pieces.

    A text may begin inside a thought whose opening mark the server has swallowed; `ended_thought` then
    says that everything before was one.
    """

    def __init__(self) -> None:
        self._held, self._thinking = "", False
        self.ended_thought = False

    def feed(self, piece: str) -> str:
        """Return what of the text so far is known to be no thought and was not returned before."""
        self._held += piece
        said = ""
        while self._held:
            mark = _CLOSE if self._thinking else _OPEN
            before, found, after = self._held.partition(mark)
            if found:
                said += "" if self._thinking else before
                self._held, self._thinking = after, not self._thinking
                continue
            if not self._thinking and _CLOSE in self._held:
                self._held = self._held.partition(_CLOSE)[2]
                said, self.ended_thought = "", True
                continue
            keep = _begun(self._held, (_OPEN, _CLOSE))
            if not self._thinking:
                said += self._held[: len(self._held) - keep]
            self._held = self._held[len(self._held) - keep :]
            break
        return said

    def end(self) -> str:
        """Return what was held back in case it was the beginning of a mark."""
        held, self._held = self._held, ""
        return "" if self._thinking else held


def has_json(text: str) -> bool:
    """Whether there is JSON in a text, or may be when more of it has come."""
    return _JSON.search(text) is not None


def without_json(text: str) -> str:
    """Return a text with the words of its JSON in place of it; where that has none, nothing."""
    words, at = "", 0
    while (found := _JSON.search(text, at)) is not None:
        words += text[at : found.start()]
        try:
            value, at = json.JSONDecoder().raw_decode(text, found.start())
            strings = list(_strings(value))
        except (ValueError, RecursionError):  # it was cut off, or only looks like it
            strings, at = list(_loose_strings(text[found.start() :])), len(text)
        words += " ".join(_meant(strings))
    return words + text[at:]


def _strings(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Yield the strings of a JSON value, each after the name of its field."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, field)


def _loose_strings(text: str) -> Iterator[tuple[str, str]]:
    """Yield the strings of JSON that cannot be read as a whole, as `_strings` does."""
    field = ""
    for string, colon in _STRING.findall(text):
        if colon:
            field = string
            continue
        try:
            yield field, json.loads(f'"{string}"', strict=False)
        except ValueError:
            yield field, string


def _meant(strings: list[tuple[str, str]]) -> list[str]:
    """Return those strings that are to be said: of the fields for that if there are such, or else all."""
    said = [string for field, string in strings if field.lower() in _SAID]
    return said or [string for _, string in strings]


def plain(text: str) -> str:
    """Return Markdown as a person reads it aloud: one line of words, empty if there are none."""
    words = "".join(_spoken(_parser().parse(text)))
    words = _URL.sub(lambda link: _host(link.group()), words)
    words = "".join(
        letter
        for letter in unicodedata.normalize("NFC", words)
        if unicodedata.category(letter) not in _INVISIBLE and letter not in "\ufe0f\u20e3"
    )
    return _SPACES.sub(" ", words).strip()


def _spoken(tokens: Iterable[Token]) -> Iterable[str]:
    for token in tokens:
        if token.type == "inline":
            yield from _inline(token.children or [])
        elif token.type in _ENDS:
            yield "\n"
        elif token.type in ("td_close", "th_close"):
            yield ", "


def _inline(tokens: Iterable[Token]) -> Iterable[str]:
    for token in tokens:
        if token.type in ("text", "code_inline"):
            yield token.content
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type == "image":
            yield token.content


def _host(link: str) -> str:
    """Return what a person says of an address: where it is, with the full stop that ended the sentence."""
    address = link.rstrip(".,;:!?")
    full = address if "://" in address else f"//{address}"
    host = urlsplit(full).hostname or ""
    return host.removeprefix("www.") + link[len(address) :]


def _begun(text: str, marks: tuple[str, ...]) -> int:
    """Return how many characters at the end of a text may be the beginning of a mark."""
    longest = min(len(text), max(map(len, marks)) - 1)
    return next(
        (n for n in range(longest, 0, -1) if any(mark.startswith(text[-n:]) for mark in marks)), 0
    )


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])
