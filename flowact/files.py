"""Files and folders that a reader sees whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from flowact.errors import UserError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield where to write; what was written there becomes `path` if the block succeeds, else nothing.

    Args:
        path: file or folder, which may exist; its folder is made.

    Raises:
        UserError: it cannot be written, as when the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except (
        OSError,
        RuntimeError,
        SafetensorError,
    ) as error:  # what the writers make of a full disk
        raise UserError(f"{path} cannot be written: {error}.") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)
