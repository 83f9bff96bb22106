"""What is wrong with a file, in words for the person who brought it."""

from pathlib import Path


class MediaError(Exception):
    """A file that cannot be used.

    Attributes:
        path: the file.
        reason: what is wrong with it; begins with a verb, without a full stop.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path.name} {reason}.")
        self.path, self.reason = path, reason
