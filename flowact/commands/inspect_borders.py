"""`flowact sheet`: the frames on both sides of chunk borders of a video, to be looked at."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from flowact.errors import UserError
from flowact.evaluation.measures.measurements import difference, grey
from flowact.evaluation.measures.motion import border_changes
from flowact.evaluation.subjects import Frame
from flowact.media.refusals import user_errors
from flowact.timebase import FACE_BOX, FPS, FRAME_SIZE, FRAMES_PER_CHUNK
from mediafiles.containers import Decoder, opened, video_stream

DESCRIPTION: Final = "draw the frames around chunk borders, and measure flicker there"
SIDE: Final = 4
"""Frames that are shown before a border, and after it."""
TILE: Final = FRAME_SIZE // 2
_CAPTION: Final = 18
_BORDER: Final = (220, 40, 40)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact sheet`."""
    parser.add_argument("file", metavar="VIDEO", type=Path, help="made by `flowact generate`")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, default=Path("sheet.png"), help="picture (%(default)s)"
    )
    parser.add_argument("--rows", metavar="N", type=int, default=6, help="borders (%(default)d)")
    parser.add_argument("--face", action="store_true", help="only the face, every pixel of it")


def run(args: argparse.Namespace) -> None:
    """Draw the sheet and say how much frames change across borders."""
    if args.rows < 1:
        raise UserError(f"--rows must be at least 1, not {args.rows}.")
    borders = choose_borders(count_frames(args.file), args.rows)
    if not borders:
        raise UserError(f"{args.file.name} ends before its first chunk border (0.64 s).")
    tiles, changes = _look(args.file, borders, args.face)
    try:
        draw(tiles, borders).save(args.out)
    except (OSError, ValueError) as error:
        raise UserError(f"{args.out} cannot be written: {error}.") from error
    found = border_changes([changes])
    Console(soft_wrap=True).print(
        f"{args.out}: frames around {len(borders)} chunk borders. Across chunk borders frames change "
        f"{found['chunk_border_change']:.2f} times, across latent borders "
        f"{found['latent_border_change']:.2f} times as much as inside latents.",
        markup=False,
    )


def choose_borders(frames: int, rows: int) -> list[int]:
    """First frames of up to `rows` chunks, spread over a video, that have all frames around them."""
    every = range(FRAMES_PER_CHUNK, frames - SIDE + 1, FRAMES_PER_CHUNK)
    if not every:
        return []
    places = np.linspace(0, len(every) - 1, min(rows, len(every)))
    return [every[round(place)] for place in places]


def count_frames(path: Path) -> int:
    """Frames of a video. Raises UserError when it is not one that `flowact generate` makes."""
    return sum(1 for _ in _frames(path))


def _frames(path: Path) -> Iterator[av.VideoFrame]:
    if not path.is_file():
        raise UserError(f"There is no video {path}.")
    with user_errors(), opened(path, "video") as container:
        stream = video_stream(path, container)
        if (stream.width, stream.height) != (FRAME_SIZE, FRAME_SIZE):
            raise UserError(
                f"{path.name} is {stream.width}x{stream.height}, not 480x480 as FlowAct's videos."
            )
        yield from Decoder(path, container, "video").frames(stream)  # type: ignore[misc]


def _look(
    path: Path, borders: list[int], face: bool
) -> tuple[dict[int, Frame], NDArray[np.float64]]:
    """The tiles to show, by frame, and how much every frame differs from the one before."""
    shown = {border + i for border in borders for i in range(-SIDE, SIDE)}
    tiles: dict[int, Frame] = {}
    changes: list[float] = []
    before: NDArray[np.int16] | None = None
    for index, frame in enumerate(_frames(path)):
        picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
        now = grey(picture)
        if before is not None:
            changes.append(difference(before, now))
        before = now
        if index in shown:
            tiles[index] = _tile(picture, face)
    return tiles, np.array(changes)


def _tile(picture: Frame, face: bool) -> Frame:
    if not face:
        return np.asarray(Image.fromarray(picture).reduce(2))
    x, y, size = FACE_BOX
    return picture[y : y + size, x : x + size]


def draw(tiles: dict[int, Frame], borders: list[int]) -> Image.Image:
    """One row a border, a line at it, and the number and second of every frame."""
    height = TILE + _CAPTION
    sheet = Image.new("RGB", (2 * SIDE * TILE, len(borders) * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for row, border in enumerate(borders):
        top = row * height
        for column in range(2 * SIDE):
            index = border - SIDE + column
            sheet.paste(Image.fromarray(tiles[index]), (column * TILE, top + _CAPTION))
            caption = f"frame {index}, {index / FPS:.2f} s"
            pen.text((column * TILE + 4, top + 1), caption, fill="black", font=font)
        middle = SIDE * TILE
        pen.line((middle, top, middle, top + height), fill=_BORDER, width=4)
    return sheet
