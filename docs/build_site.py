"""Builds the documentation site: gathers its pages, then lets Zensical render them in strict mode.

    python docs/build_site.py

Links in the Markdown are those that work in the repository. On the site, a link to a file that the site
holds leads there; of a link to any other file of the repository only the text remains.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
STAGED: Final = ROOT / "build" / "docs"
"""Where the pages are gathered: `docs_dir` of mkdocs.yml."""
OWN: Final = ("docs/*.md", "docs/api/*.md", "docs/images/*")
OTHERS: Final = (
    "study/README.md",
    "assets/checkpoint/README.md",
    "assets/checkpoint/*.jpg",
    "assets/checkpoint/*.png",
    "assets/characters/contact_sheet.jpg",
    "assets/evaluation/README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSES.md",
)
"""Files of the site that lie outside docs/; one that is not there is left out."""

_LINK: Final = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")
_FRONT_MATTER: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def main() -> int:
    """Build into `site/`; the exit code is not 0 when the generator warns of anything."""
    stage(STAGED)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own words


def stage(folder: Path) -> None:
    """Copy every file of the site into a folder that was emptied before, with links of the site."""
    shutil.rmtree(folder, ignore_errors=True)
    files = {site_name(name): name for name in site_files()}
    for page, name in files.items():
        target = folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".md"):
            text = (ROOT / name).read_text(encoding="utf-8")
            target.write_text(with_site_links(text, name, set(files)), encoding="utf-8")
        else:
            shutil.copyfile(ROOT / name, target)


def site_files() -> list[str]:
    """Name the files of the site by their paths in the repository."""
    found = (path for pattern in (*OWN, *OTHERS) for path in sorted(ROOT.glob(pattern)))
    return [path.relative_to(ROOT).as_posix() for path in found if not path.name.startswith(".")]


def site_name(name: str) -> str:
    """Return where a file of the repository lies on the site."""
    return name.removeprefix("docs/")


def with_site_links(markdown: str, name: str, held: set[str]) -> str:
    """Take the front matter away and rewrite the links of a page.

    Args:
        markdown: its text.
        name: its path in the repository.
        held: files of the site.
    """
    body = _FRONT_MATTER.sub("", markdown)
    return _LINK.sub(partial(_on_site, name=name, held=held), body)


def _on_site(link: re.Match[str], name: str, held: set[str]) -> str:
    text, target, anchor = link.group(1), link.group(2), link.group(3) or ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    if site_name(path) in held:
        start = posixpath.dirname(site_name(name)) or "."
        return f"[{text}]({posixpath.relpath(site_name(path), start)}{anchor})"
    return link.group() if path.startswith("docs/") else text


if __name__ == "__main__":
    sys.exit(main())
