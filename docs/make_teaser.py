"""Makes the moving picture of the README: named characters who say the sample sentence, side by side.

    python docs/make_teaser.py --out docs/images/teaser.webp

The same arguments give the same frames, where the processor computes in the same number formats.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from flowact import assets
from flowact.files import atomic_write
from flowact.hardware.load_pipeline import Loaded, load_pipeline
from flowact.media import Recording
from flowact.portrait import load_reference
from flowact.timebase import FPS

CHARACTERS: Final = ("elena", "finn", "zuri")
ACTIONS: Final = ("speaking", "wave", "thumbs up")
PANEL: Final = 240
"""Width and height of one character in pixels."""
EVERY: Final = 2
"""One frame of so many is shown: 12.5 a second."""
MOST_BYTES: Final = 3_000_000
LABEL: Final = "AI-generated"


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate, join the panels, write the file and say how large it is."""
    args = _parser().parse_args(arguments)
    loaded = load_pipeline(threads=args.threads)
    columns = [
        _frames(loaded, name, seed, args.seconds) for seed, name in enumerate(args.characters)
    ]
    strips = [_join(panels) for panels in zip(*columns, strict=True)]
    size = write_webp(args.out, strips, args.quality)
    sys.stdout.write(f"{args.out}: {len(strips)} frames, {size / 1e6:.2f} MB\n")
    return 0 if size < MOST_BYTES else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images/teaser.webp"))
    parser.add_argument("--characters", nargs="+", default=CHARACTERS, metavar="NAME")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--quality", type=int, default=85, help="of WebP, 0 to 100 (%(default)d)")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def _frames(loaded: Loaded, name: str, seed: int, seconds: float) -> list[Image.Image]:
    """Let one character speak; every second frame, at the size of a panel."""
    action = ACTIONS[seed % len(ACTIONS)]
    picture = load_reference(assets.character(name).portrait)
    recording = Recording.open(assets.sample_speech())
    stream = loaded.pipeline.stream(picture, recording, action=action, seed=seed)
    with closing(stream):
        shown = islice(stream, 0, round(seconds * FPS), EVERY)
        return [_panel(frame.image) for frame in shown]


def _panel(image: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(image).resize((PANEL, PANEL), Image.Resampling.LANCZOS)


def _join(panels: Sequence[Image.Image]) -> Image.Image:
    """Put panels side by side and write what they are into the corner."""
    strip = Image.new("RGB", (PANEL * len(panels), PANEL))
    for column, panel in enumerate(panels):
        strip.paste(panel, (column * PANEL, 0))
    font = ImageFont.load_default(size=12)
    ImageDraw.Draw(strip).text((8, PANEL - 20), LABEL, fill=(225, 225, 225), font=font)
    return strip


def write_webp(path: Path, strips: Sequence[Image.Image], quality: int) -> int:
    """Write an animation that begins again at its end, and return its size in bytes."""
    options = {"duration": round(1000 * EVERY / FPS), "loop": 0, "quality": quality, "method": 6}
    with atomic_write(path) as part:
        strips[0].save(part, "WEBP", save_all=True, append_images=list(strips[1:]), **options)
    return path.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
