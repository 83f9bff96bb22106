"""What visitors upload: checked, kept in a folder of their own, deleted with their session."""

from __future__ import annotations

import asyncio
import math
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.errors import UserError
from flowact.live.speech.presence import speech_remark
from flowact.media import Recording
from flowact.portrait import load_reference

MOST_BYTES: Final = 40_000_000
MOST_MINUTES: Final = 10.0
MOST_FILES: Final = 6
MOST_BYTES_TOGETHER: Final = 2_000_000_000
"""Of all visitors, finished or on their way: strangers may not fill the disk."""
UNUSED_SECONDS: Final = 900.0
Sort = Literal["audio", "picture"]


class Received(NamedTuple):
    """An upload: the name to ask for it with, and what its sender should know about it, or nothing."""

    name: str
    remark: str


@dataclass
class _Folder:
    path: Path
    used: float
    files: dict[str, tuple[Sort, Path]] = field(default_factory=dict)


class Uploads:
    """The files of all visitors, by visitor and name."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="flowact-uploads-"))
        self._checking = asyncio.Semaphore()  # one at a time: a large picture takes much memory
        self._folders: dict[str, _Folder] = {}

    async def receive(
        self, visitor: str, sort: Sort, filename: str, body: AsyncIterator[bytes]
    ) -> Received:
        """Store and check a file.

        Raises:
            UserError: too large, too many, or not what it should be.
        """
        folder = self._folder(visitor)
        if len(folder.files) >= MOST_FILES:
            raise UserError(f"At most {MOST_FILES} files in one visit; load the page again.")
        if self._stored() > MOST_BYTES_TOGETHER - MOST_BYTES:
            raise UserError(
                "Too much is being uploaded by all visitors; try again in some minutes."
            )
        name = secrets.token_urlsafe(9)
        path = folder.path / f"{name}{_suffix(filename)}"
        folder.files[name] = (sort, path)
        try:
            await _write(path, body)
            async with self._checking:
                remark = await asyncio.to_thread(_check, sort, path)
        except BaseException as error:
            del folder.files[name]
            path.unlink(missing_ok=True)
            if isinstance(error, UserError):
                raise UserError(str(error).replace(path.name, filename or "the file")) from error
            raise
        # The visitor knows the file by the name that it had.
        return Received(name, remark.replace(path.name, filename or "the file"))

    def recording(self, visitor: str, name: str) -> Recording:
        """Open an uploaded recording.

        Raises:
            UserError: there is none of that name.
        """
        return Recording.open(self._find(visitor, name, "audio"), MOST_MINUTES)

    def picture(self, visitor: str, name: str) -> NDArray[np.uint8]:
        """Read an uploaded picture, uint8 `[480, 480, 3]`.

        Raises:
            UserError: there is none of that name.
        """
        return load_reference(self._find(visitor, name, "picture"))

    def hold(self, visitor: str) -> None:
        """Keep what a visitor uploaded until `discard`, however long it is not used."""
        if visitor in self._folders:
            self._folders[visitor].used = math.inf

    def discard(self, visitor: str) -> None:
        """Delete all that a visitor uploaded."""
        folder = self._folders.pop(visitor, None)
        if folder is not None:
            shutil.rmtree(folder.path, ignore_errors=True)

    def discard_unused(self, in_use: set[str]) -> None:
        """Delete the files of visitors who uploaded something and never came back."""
        limit = time.monotonic() - UNUSED_SECONDS
        for visitor, folder in list(self._folders.items()):
            if visitor not in in_use and folder.used < limit:
                self.discard(visitor)

    def close(self) -> None:
        """Delete everything."""
        self._folders.clear()
        shutil.rmtree(self._root, ignore_errors=True)

    def _folder(self, visitor: str) -> _Folder:
        folder = self._folders.get(visitor)
        if folder is None:
            path = Path(tempfile.mkdtemp(dir=self._root))
            folder = self._folders[visitor] = _Folder(path, time.monotonic())
        folder.used = time.monotonic()
        return folder

    def _stored(self) -> int:
        paths = (path for folder in self._folders.values() for _, path in folder.files.values())
        return sum(path.stat().st_size for path in paths if path.exists())

    def _find(self, visitor: str, name: str, sort: Sort) -> Path:
        folder = self._folders.get(visitor)
        found = folder.files.get(name) if folder is not None else None
        if found is None or found[0] != sort:
            raise UserError("That file is no longer here; choose it again.")
        return found[1]


async def _write(path: Path, body: AsyncIterator[bytes]) -> None:
    size = 0
    with path.open("wb") as file:
        async for segment in body:
            size += len(segment)
            if size > MOST_BYTES:
                raise UserError(f"That file is larger than {MOST_BYTES // 10**6} MB.")
            file.write(segment)


def _check(sort: Sort, path: Path) -> str:
    """Read the file once and return the remark about it; of a picture only the frame of the model is kept."""
    if sort == "audio":
        recording = Recording.open(path, MOST_MINUTES)
        return " ".join(filter(None, (*recording.remarks, speech_remark(recording))))
    from flowact.portrait import read_portrait  # which brings PyTorch

    portrait = read_portrait(path)
    Image.fromarray(portrait.pixels).save(path, "PNG")
    return " ".join(portrait.notices)


def _suffix(filename: str) -> str:
    suffix = Path(filename).suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) <= 6 else ""
