"""Measures prose in Markdown: words per sentence, numbers that begin with a dot, wide lines.

    python tests/prose.py README.md docs/*.md

Front matter, code, tables, headings, pictures and comments are no prose and are left out. Of a link only
its text counts, and a piece of inline code counts as one word.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 120
"""Widest line that is neither a table nor owes its width to a link."""
FRAGMENT = 4
"""A list item of fewer words without a full stop is a label and no sentence."""

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1[^\n]*$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_INLINE_CODE = re.compile(r"``.+?``|`[^`]+`")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|<(https?://[^>]+)>")
_ABBREVIATION = re.compile(r"\b(e\.g|i\.e|et al|cf|vs|approx|No)\.", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*_\]]*\s+")
_NOT_PROSE = re.compile(r"^\s*(#|\||:::|!!!|---+\s*$|\[[^\]]+\]:)")
_LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_LEADING_DOT = re.compile(r"(?<![\w.)\]/])\.\d+")


@dataclass(frozen=True)
class Prose:
    """What was measured in one text.

    Attributes:
        sentences: words of every sentence, in order.
        longest: the longest sentence.
        leading_dots: numbers written without their zero.
        wide_lines: numbers of lines wider than `COLUMNS`.
        lines: lines of the file.
    """

    sentences: tuple[int, ...]
    longest: str
    leading_dots: tuple[str, ...]
    wide_lines: tuple[int, ...]
    lines: int

    @property
    def mean(self) -> float:
        """Words per sentence; 0 of a text without any."""
        return sum(self.sentences) / len(self.sentences) if self.sentences else 0.0

    @property
    def most(self) -> int:
        """Words of the longest sentence."""
        return max(self.sentences, default=0)


def measure(markdown: str) -> Prose:
    """Measure a Markdown text."""
    found = [sentence for block in blocks(markdown) for sentence in split_sentences(block)]
    counts = tuple(count_words(sentence) for sentence in found)
    longest = max(found, key=count_words, default="")
    return Prose(
        counts, longest, leading_dots(markdown), wide_lines(markdown), len(markdown.splitlines())
    )


def blocks(markdown: str) -> Iterator[str]:
    """Yield paragraphs and list items as plain text, each on one line."""
    waiting: list[str] = []
    for line in [*_plain(markdown).splitlines(), ""]:
        skipped = not line.strip() or _NOT_PROSE.match(line) is not None
        if (skipped or _LIST_ITEM.match(line)) and waiting:
            yield " ".join(waiting)
            waiting = []
        if not skipped:
            waiting.append(_LIST_ITEM.sub("", line).lstrip("> ").strip())


def split_sentences(block: str) -> list[str]:
    """Cut a block at full stops, question and exclamation marks; labels are left out."""
    text = _ABBREVIATION.sub(lambda found: found.group().replace(".", ""), block)
    return [part for part in _SENTENCE_END.split(text) if not _is_label(part)]


def count_words(sentence: str) -> int:
    """Count what has a letter or a digit in it."""
    return sum(any(character.isalnum() for character in word) for word in sentence.split())


def leading_dots(markdown: str) -> tuple[str, ...]:
    """Find numbers such as .88 outside code, in tables too."""
    text = _INLINE_CODE.sub(" ", _FENCE.sub("", markdown))
    return tuple(_LEADING_DOT.findall(_LINK.sub(r"\1", text)))


def wide_lines(markdown: str) -> tuple[int, ...]:
    """Number the lines that are too wide; tables and the targets of links do not count."""
    return tuple(
        number
        for number, line in enumerate(markdown.splitlines(), 1)
        if len(re.sub(r"\]\([^)]*\)|https?://\S+", "]", line)) > COLUMNS
        and not line.lstrip().startswith("|")
    )


def _plain(markdown: str) -> str:
    """Take away what is no prose, and keep the texts of links."""
    text = _FRONT_MATTER.sub("", markdown)
    for pattern in (_FENCE, _COMMENT, _PICTURE):
        text = pattern.sub("", text)
    text = _INLINE_CODE.sub("code", text)
    text = _LINK.sub(r"\1", text)
    return _TAG.sub("", text).replace("**", "")


def _is_label(part: str) -> bool:
    words = count_words(part)
    return words == 0 or (words < FRAGMENT and part.rstrip("*_ ")[-1:] not in ".!?")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line a file and what is wrong in it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.md")
    out = sys.stdout
    out.write(f"{'file':44} {'lines':>5} {'sentences':>9} {'mean':>5} {'longest':>7}\n")
    for path in parser.parse_args(arguments).files:
        found = measure(path.read_text(encoding="utf-8"))
        row = f"{path!s:44} {found.lines:5} {len(found.sentences):9} {found.mean:5.1f}"
        out.write(f"{row} {found.most:7}\n")
        if found.leading_dots or found.wide_lines:
            out.write(f"  without a zero: {found.leading_dots}; wide: {found.wide_lines}\n")
        if found.most > 35:
            out.write(f"  {found.longest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
