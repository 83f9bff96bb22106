"""README, cards and guides keep to the rules of prose, and the measure itself counts what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import prose

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [
    "README.md",
    "assets/checkpoint/README.md",
    "assets/evaluation/README.md",
    "study/README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
]
MEAN, MOST, README_LINES = 17, 35, 130


@pytest.mark.parametrize("name", TEXTS)
def test_sentences_are_short_and_numbers_have_their_zero(name: str) -> None:
    found = prose.measure((ROOT / name).read_text(encoding="utf-8"))
    assert found.mean <= MEAN
    assert found.most <= MOST, found.longest
    assert found.leading_dots == ()
    assert found.wide_lines == ()


def test_the_readme_is_short() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert prose.measure(text).lines <= README_LINES


MARKDOWN = """---
title: Not counted at all, since this is front matter.
---
# No sentence either.

One, two three. Four `a.b c` six!
![No words. None.](picture.jpg)

| no | words. None |
|---|---|
| .5 | 0.5 |

- a label
- [See the guide](other.md), e.g. its end.

```python
print("no words.")
```
"""


def test_sentences_are_counted_without_code_tables_and_pictures() -> None:
    found = prose.measure(MARKDOWN)
    assert found.sentences == (3, 3, 6)
    assert (found.mean, found.most) == (4, 6)
    assert found.longest == "See the guide, eg its end."


def test_numbers_without_a_zero_are_found_in_tables_and_not_in_code() -> None:
    assert prose.measure(MARKDOWN).leading_dots == (".5",)
    assert prose.leading_dots("r = .88, 0.5, 1.5, `.3`, v1.2, (.7) and [x](a/.4).") == (".88", ".7")


def test_lines_are_wide_only_by_what_is_no_table_and_no_link() -> None:
    long = "word " * 30
    assert prose.wide_lines(f"{long}\n| {long} |\n[a]({long.replace(' ', '-')})\n") == (1,)


def test_the_command_prints_one_line_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.md").write_text("Two words. " + "word " * 40 + ".5 end.\n")
    assert prose.main([str(tmp_path / "a.md")]) == 0
    header, row, wrong, longest = capsys.readouterr().out.splitlines()
    assert header.split() == ["file", "lines", "sentences", "mean", "longest"]
    assert row.split()[1:] == ["1", "2", "22.0", "42"]
    assert ".5" in wrong
    assert longest.strip().startswith("word")
