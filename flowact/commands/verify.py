"""`flowact verify`: was this picture or video made by FlowAct?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from rich.console import Console

from flowact.errors import UserError
from flowact.media.refusals import user_errors
from flowact.media.watermark import DETECTED, score
from mediafiles.containers import Decoder, opened, video_stream
from mediafiles.errors import printable

DESCRIPTION: Final = "Look for FlowAct's invisible mark and for what the file says of its making."
MOST_FRAMES: Final = 24
MOST_PIXELS: Final = 64_000_000
_OF_THE_CONTAINER: Final = ("major_brand", "minor_version", "compatible_brands", "encoder")
"""Metadata of every mp4 file, which says nothing of how its pictures were made."""


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        marked: the invisible mark is there.
        score: how clearly, in standard deviations; the median over the frames looked at.
        frames: how many were.
        metadata: what the file says about itself, which anybody can write or remove.
    """

    marked: bool
    score: float
    frames: int
    metadata: dict[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact verify`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a picture or a video")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a sentence")


def run(args: argparse.Namespace) -> None:
    """Print the verdict."""
    verdict = verify(args.file)
    console = Console(soft_wrap=True, markup=False, emoji=False)
    if args.json:
        console.print_json(json.dumps(asdict(verdict)))
        return
    found = "carries" if verdict.marked else "does not carry"
    console.print(
        f"{printable(args.file.name)} {found} FlowAct's mark "
        f"(score {verdict.score:.1f} over {verdict.frames} frames, {DETECTED:g} is needed)."
    )
    for name, value in verdict.metadata.items():
        console.print(printable(f"  {name}: {value}"))


def verify(path: Path) -> Verdict:
    """Measure a file.

    Raises:
        UserError: there is no such file, or it is neither picture nor video.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}.")
    metadata, frames = _picture(path) or _video(path)
    scores = [score(luma) for luma in frames]
    if not scores:
        raise UserError(f"{path.name} has no pictures in it.")
    middle = float(np.median(scores))
    return Verdict(middle >= DETECTED, round(middle, 2), len(scores), metadata)


def _picture(path: Path) -> tuple[dict[str, str], list[NDArray[np.uint8]]] | None:
    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UserError(f"{path.name} has more than {MOST_PIXELS // 10**6} million pixels.")
            luma = np.asarray(image.convert("RGB").convert("YCbCr").getchannel(0))
            texts = {str(key): value for key, value in image.info.items() if isinstance(value, str)}
            return texts, [luma]
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return None
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        EOFError,
        RuntimeError,
    ) as error:
        raise UserError(f"{path.name} is damaged and cannot be read.") from error


def _video(path: Path) -> tuple[dict[str, str], list[NDArray[np.uint8]]]:
    with user_errors(), opened(path, "video") as container:
        stream = video_stream(path, container)
        said = container.metadata.items()
        metadata = {key: value for key, value in said if key not in _OF_THE_CONTAINER}
        frames = Decoder(path, container, "video").frames(stream)
        return metadata, list(_lumas(frames, stream.frames or 1500))


def _lumas(frames: Iterator[Any], count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the luma of some of `count` frames, spread over the first minute."""
    every = max(min(count, 1500) // MOST_FRAMES, 1)
    for frame in islice(frames, 0, every * MOST_FRAMES, every):
        yield np.asarray(frame.to_ndarray(format="gray"), np.uint8)
