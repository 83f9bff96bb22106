"""Files that are there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

from study.errors import StudyError


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file, replacing an older one only at the end; raises StudyError with the reason."""
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StudyError(f"{path}: cannot be written ({error.strerror})") from None
