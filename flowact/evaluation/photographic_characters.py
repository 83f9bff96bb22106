"""The photo-real characters that ship with FlowAct, and the command that makes their portraits.

    python -m flowact.evaluation.photographic_characters CACHE

A character is data: `assets/characters/<name>/character.json` says which picture of the package openpeople it is.
The command downloads the package into CACHE, unless it is there, and writes `portrait.png` beside each card. They
are people who do not exist, made with Gemini, under the MIT licence; nothing is trained on them.
"""

import json
import sys
from pathlib import Path

from PIL import Image

from flowact import assets
from flowact.evaluation.judges.landmarks.pinned import PEOPLE, fetch
from flowact.portrait import read_portrait


def photographs() -> dict[str, str]:
    """Which picture of the package each photo-real character is, by name."""
    cards = {
        name: json.loads(assets.character(name).card.read_text(encoding="utf-8"))
        for name in assets.character_names()
    }
    return {
        name: card["photograph"]["file"] for name, card in cards.items() if "photograph" in card
    }


def write_portraits(cache: Path) -> list[Path]:
    """Align and write all portraits; returns their paths. UserError when the download fails."""
    home, written = fetch(PEOPLE, cache), []
    for name, file in photographs().items():
        path = assets.character(name).portrait
        Image.fromarray(read_portrait(home / file).pixels).save(path, optimize=True)
        written.append(path)
    return written


if __name__ == "__main__":
    for path in write_portraits(Path(sys.argv[1])):
        print(path)  # noqa: T201 - the result
