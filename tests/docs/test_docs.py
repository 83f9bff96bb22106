"""The documentation builds without a warning, and what it names exists."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from flowact.evaluation.judges.card import ReaderFit, reader_card
from tests.tiny_pipeline import tiny_pipeline

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MARKDOWN = [
    ROOT / "README.md",
    ROOT / "study" / "README.md",
    *sorted(ROOT.glob("assets/*/README.md")),
    *sorted(DOCS.rglob("*.md")),
]
FILE = re.compile(r"`((?:flowact|study|tests|docs|assets|examples)/[\w./-]+\.\w+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def load(name: str) -> ModuleType:
    """Import a script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def headings(path: Path) -> set[str]:
    """Anchors of a page, as the site and the usual forges make them."""
    text = re.sub(
        r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", title.lower()).strip() for title in titles)
    return {title.replace(" ", "-") for title in kept}


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_the_repository_leads_somewhere(page: Path) -> None:
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for target in LINK.findall(text):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), target
        assert not anchor or anchor in headings(there), target


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page: Path) -> None:
    for name in FILE.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / name).is_file(), name


def test_twenty_questions_are_answered_with_a_file_or_a_page_each() -> None:
    text = (DOCS / "questions.md").read_text(encoding="utf-8")
    questions = re.split(r"^### (\d+)\. .+\?$", text, flags=re.MULTILINE)[1:]
    assert [int(number) for number in questions[::2]] == list(range(1, 21))
    assert all(LINK.search(answer) for answer in questions[1::2])


def test_the_readme_leads_to_every_page_in_two_steps() -> None:
    known = {ROOT / "README.md"}
    for _ in range(2):
        known |= {
            (page.parent / target.partition("#")[0]).resolve()
            for page in list(known)
            if page.suffix == ".md" and page.exists()
            for target in LINK.findall(page.read_text(encoding="utf-8"))
        }
    assert {page for page in DOCS.glob("*.md") if page.name != "index.md"} <= known


def test_every_page_is_in_the_navigation() -> None:
    named = set(re.findall(r": ([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} <= named


def test_links_of_the_repository_become_links_of_the_site() -> None:
    site = load("build_site")
    held = {"concepts.md", "study/README.md", "api/streaming.md"}
    page = "[a](concepts.md#x) [b](../study/README.md) [c](../flowact/cli.py) [d](nowhere.md)"
    assert site.with_site_links(page, "docs/questions.md", held) == (
        "[a](concepts.md#x) [b](study/README.md) c [d](nowhere.md)"
    )
    back = "---\ntitle: x\n---\n[e](../docs/concepts.md) [f](https://flowact.example/a.md)"
    assert site.with_site_links(back, "study/README.md", held) == (
        "[e](../concepts.md) [f](https://flowact.example/a.md)"
    )


def test_the_site_builds_in_strict_mode_and_asks_no_other_server() -> None:
    """The generator warns of links and anchors that lead nowhere; a warning is an error."""
    pytest.importorskip("zensical")
    built = subprocess.run(
        [sys.executable, str(DOCS / "build_site.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    pages = list((ROOT / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.glob("*.md")))
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|iframe)[^>]+src=\"?https?:", html), page
        assert not re.findall(r"<link[^>]+rel=\"?stylesheet\"?[^>]+href=\"?https?:", html), page


def test_the_card_of_the_readers_is_as_their_command_writes_it() -> None:
    card = (ROOT / "assets" / "evaluation" / "README.md").read_text(encoding="utf-8")
    fit = ReaderFit("mouth_reader", "", 5000, {})
    made = reader_card([fit], {"training": 119, "held-out": 40}, seed=0)
    first_row = "| `mouth_reader`"
    assert card.partition(first_row)[0] == made.partition(first_row)[0]


def test_the_moving_picture_is_as_its_command_makes_it() -> None:
    teaser = load("make_teaser")
    path = DOCS / "images" / "teaser.webp"
    assert path.stat().st_size < teaser.MOST_BYTES
    with Image.open(path) as picture:
        assert picture.size == (teaser.PANEL * len(teaser.CHARACTERS), teaser.PANEL)
        assert picture.n_frames == 50


def test_the_command_makes_a_moving_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With tiny weights and one character; every second frame of 0.4 s is shown."""
    home = tmp_path / "characters" / "mira"
    tiny_pipeline().save_pretrained(tmp_path / "checkpoint")
    home.mkdir(parents=True)
    (tmp_path / "speech").symlink_to(ROOT / "assets" / "speech")
    Image.new("RGB", (480, 480), (90, 120, 150)).save(home / "portrait.png")
    monkeypatch.setenv("FLOWACT_ASSETS", str(tmp_path))
    out = tmp_path / "made" / "teaser.webp"
    words = ["--out", str(out), "--characters", "mira", "--seconds", "0.4"]
    assert load("make_teaser").main(words) == 0
    assert "5 frames" in capsys.readouterr().out
    with Image.open(out) as picture:
        assert (picture.n_frames, picture.size) == (5, (240, 240))


NAMES_CODE = ["architecture.md", "concepts.md", "questions.md", "paper.md", "study.md"]
IDENTIFIER = re.compile(r"`(_?[A-Za-z]\w*(?:\.\w+)?)\b[^`]*`")


@pytest.mark.parametrize("page", NAMES_CODE)
def test_classes_and_functions_that_are_named_exist(page: str) -> None:
    """A name that looks like code, `Engine.advance` or `noisy_batch`, is a word of the sources."""
    sources = [path for folder in ("flowact", "study") for path in (ROOT / folder).rglob("*.py")]
    words = set(re.findall(r"\w+", "\n".join(path.read_text(encoding="utf-8") for path in sources)))
    words |= {path.stem for path in sources}
    for found in IDENTIFIER.findall((DOCS / page).read_text(encoding="utf-8")):
        is_file = re.search(r"\.(py|js|md|toml|yaml|json|zip)$", found) is not None
        of_code = "_" in found or "." in found or re.search(r"[a-z][A-Z]", found) is not None
        assert is_file or not of_code or set(found.split(".")) <= words, found


def test_python_examples_are_those_that_are_run() -> None:
    """The README's example runs in tests/commands; the others are short enough to run here."""
    blocks = re.compile(r"```python\n(.*?)```", re.DOTALL)
    (known,) = blocks.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    pages = sorted(DOCS.glob("*.md"))
    examples = [x for page in pages for x in blocks.findall(page.read_text(encoding="utf-8"))]
    assert known in examples
    for example in examples:
        if example != known:
            exec(compile(example, "docs", "exec"), {})


def test_every_module_of_the_api_reference_exists() -> None:
    for page in (DOCS / "api").glob("*.md"):
        for module in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), module
