"""What the door for media says against a file, as the errors of FlowAct."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flowact.errors import UserError
from mediafiles import MediaError


@contextmanager
def user_errors() -> Iterator[None]:
    """Raise a `UserError` for each `MediaError`."""
    try:
        yield
    except MediaError as error:
        raise UserError(str(error)) from error
