"""How far a long step has come, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with how many are done, how many there are, and the name of the next one."""


def no_progress(done: int, count: int, name: str) -> None:
    """Show nothing."""
    del done, count, name
