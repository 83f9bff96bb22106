"""What is wrong with a file, in words for the person who brought it."""

from pathlib import Path
from typing import Final

_CONTROLS: Final = {
    number: repr(chr(number))[1:-1] for number in (*range(32), *range(127, 160), 0x2028, 0x2029)
}
"""Line breaks and what steers a terminal, in all of Unicode."""


class MediaError(Exception):
    """A file that cannot be used.

    Attributes:
        path: the file.
        reason: what is wrong with it; begins with a verb, without a full stop.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{printable(path.name)} {reason}.")
        self.path, self.reason = path, reason


def printable(sentence: str) -> str:
    """A sentence on one line: names of files may hold line breaks, signs that steer a terminal, bytes of no text."""
    return sentence.translate(_CONTROLS).encode(errors="backslashreplace").decode()
