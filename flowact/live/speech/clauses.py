"""Cuts a text, while it is still being written, into what a speaker says in one breath.

The first clause is short, so that a voice can begin; the others are sentences, which sound better.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import Final

from flowact.live.speech.plain_text import ThoughtFilter, has_json, plain, without_json

FIRST_WORDS: Final = 8
"""Words of a first clause that has no mark to end at."""
LONGEST: Final = 220
"""Characters of one clause."""
_SENTENCE_END: Final = re.compile(r"[.!?…]+[\"'”’)\]*_]*(?=\s)|[。！？]+[”’」]*|\n+")
_CLAUSE_END: Final = re.compile(r"[.!?…,;:—]+[\"'”’)\]*_]*(?=\s)|[。！？，；：、]+|\n+")
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|e\.g|i\.e|no)|\b[A-Z]|^\s*\d+)\.$", re.IGNORECASE
)
_WORDLESS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WORDLESS_ENDS: Final = ("。", "！", "？", "，", "；", "：", "、")
_FENCE: Final = "```"
_LEAST_WORDS: Final = 2
"""Words of a first clause: a voice sounds odd with less."""


class ClauseCutter:
    """Feeds on a text's pieces and gives its clauses, as plain words."""

    def __init__(self) -> None:
        self._thoughts, self._rest = ThoughtFilter(), ""
        self._first = True

    def feed(self, piece: str) -> Iterator[str]:
        """Yield the clauses that are complete with this piece."""
        self._take(piece)
        if not has_json(self._rest):  # or what it says is known when it is over
            yield from self._complete()

    def end(self) -> Iterator[str]:
        """Yield what is left when the text is over."""
        rest, self._rest = without_json(self._rest + self._thoughts.end()), ""
        self._thoughts = ThoughtFilter()
        self._take(f"{rest}\n")
        yield from self._complete()
        rest, self._rest = self._rest, ""
        yield from self._spoken(rest)

    def _take(self, piece: str) -> None:
        said = self._thoughts.feed(piece)
        if self._thoughts.ended_thought:
            self._rest, self._thoughts.ended_thought = "", False
        self._rest += said

    def _complete(self) -> Iterator[str]:
        while (cut := self._cut()) is not None:
            clause, self._rest = self._rest[:cut], self._rest[cut:]
            yield from self._spoken(clause)

    def _spoken(self, clause: str) -> Iterator[str]:
        for words in pieces(plain(clause)):
            self._first = False
            yield words

    def _cut(self) -> int | None:
        """Return where the first complete clause ends; None while it may go on."""
        text = self._rest
        if text.lstrip().startswith(_FENCE):
            return _after_fence(text)
        pattern = _CLAUSE_END if self._first else _SENTENCE_END
        for match in pattern.finditer(text):
            head = text[: match.end()]
            long_enough = not self._first or _words(head) >= _LEAST_WORDS or "\n" in match.group()
            if long_enough and _may_end(head):
                return match.end()
        if self._first:
            return _after_words(text, FIRST_WORDS)
        return _after_words(text, LONGEST // 4) if len(text) > LONGEST else None


def cut(text: str) -> list[str]:
    """Return the clauses of a text that is known as a whole."""
    cutter = ClauseCutter()
    return [*cutter.feed(text), *cutter.end()]


async def clauses(text: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """Yield the clauses of a text that comes in pieces."""
    cutter = ClauseCutter()
    async with aclosing(text):
        async for piece in text:
            for clause in cutter.feed(piece):
                yield clause
    for clause in cutter.end():
        yield clause


def joined(clauses: Iterable[str]) -> str:
    """Clauses as one text, as a viewer reads it."""
    text = ""
    for clause in clauses:
        text += appended(text, clause)
    return text


def appended(text: str, clause: str) -> str:
    """What a clause adds to the text before it."""
    return clause if not text or text.endswith(_WORDLESS_ENDS) else f" {clause}"


def pieces(words: str) -> Iterator[str]:
    """Cut words at spaces into pieces of no more than `LONGEST` characters; what has no letter is left out."""
    while words:
        cut = len(words)
        if cut > LONGEST:
            space = words.rfind(" ", 0, LONGEST)
            cut = space if space > 0 else LONGEST
        piece, words = words[:cut].strip(), words[cut:].strip()
        if re.search(r"\w", piece):
            yield piece


def _may_end(head: str) -> bool:
    """Whether a text may be cut at its end: not after an abbreviation, inside a link, or in `code`."""
    if head.endswith("\n"):
        return True
    return (
        not _ABBREVIATION.search(head)
        and head.count("[") <= head.count("]")
        and head.count("(") <= head.count(")")
        and head.count("`") % 2 == 0
    )


def _words(text: str) -> int:
    """Return how many words a text has; every character counts where words have no spaces between them."""
    return len(plain(text).split()) + len(_WORDLESS.findall(text)) // 2


def _after_fence(text: str) -> int | None:
    start = text.index(_FENCE) + len(_FENCE)
    end = text.find(_FENCE, start)
    return end + len(_FENCE) if end >= 0 else None


def _after_words(text: str, count: int) -> int | None:
    """Return where so many words end, if another has begun and no link or code is open there."""
    ends = [match.end() for match in re.finditer(r"\S+(?=\s)", text)]
    return next((end for end in ends[count - 1 :] if _may_end(text[:end])), None)
