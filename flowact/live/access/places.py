"""Who gets a place, in two steps: first it is asked for, then the page connects to whoever has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flowact.errors import UserError


@dataclass(frozen=True)
class Wish:
    """What a page asks for.

    Attributes:
        network: that it comes from.
        preset: name of the model's sizes; empty for whatever there is.
        waiting: what `InLine` told it the last time; empty at first.
        lost: what `Place` told it of a place that does not answer any more.
    """

    network: str = ""
    preset: str = ""
    waiting: str = ""
    lost: str = ""


@dataclass(frozen=True)
class Place:
    """A place that is the page's if it connects within ten seconds.

    Attributes:
        path: of the session interface of whoever has it, as a link of the page.
        ticket: to be shown there; empty where nobody asks for one.
    """

    path: str
    ticket: str = ""


@dataclass(frozen=True)
class InLine:
    """There is no place yet: ask again at once, with the ticket; the answer takes a second.

    Attributes:
        position: in the line, from 1.
        ticket: says since when.
    """

    position: int
    ticket: str


class Places(Protocol):
    """Gives places to pages."""

    async def take(self, wish: Wish) -> Place | InLine:
        """Return a place or a position in the line.

        Raises:
            UserError: nobody has that preset, or too many wait.
        """


class OwnPlaces:
    """One server: whoever asks may connect, and the line is in the connection; see `Admission`.

    Args:
        preset: of the server; empty for the default one.
    """

    def __init__(self, preset: str = "") -> None:
        self._preset = preset

    async def take(self, wish: Wish) -> Place | InLine:
        """See `Places`."""
        if wish.preset and wish.preset != self._preset:
            raise UserError(f"Nobody here serves the preset {wish.preset!r}.")
        return Place("v1")
