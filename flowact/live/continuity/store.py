"""Where sessions are kept: in this process, or in one place that several servers share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from flowact.live.continuity.kept_session import KeptSession


class StoreUnavailableError(Exception):
    """The store does not answer; the session goes on, and cannot move."""


class StaleError(Exception):
    """Another server has gone on with the session: here it is over."""


class Claimed(NamedTuple):
    """A session that is this server's from now on, and the picture that its visitor sent, as PNG, or nothing."""

    kept: KeptSession
    picture: bytes


class SnapshotStore(Protocol):
    """Keeps the newest state of every session, for a minute after the last one."""

    async def check(self) -> None:
        """Find out whether it answers.

        Raises:
            UserError: it does not.
        """

    async def begin(self, session: str, picture: bytes) -> None:
        """Keep the picture that a session's visitor sent, PNG, as long as its state.

        Raises:
            StoreUnavailableError: it is not kept.
        """

    async def put(self, kept: KeptSession) -> None:
        """Replace the state of a session.

        Raises:
            StaleError: a server of a later generation has it.
            StoreUnavailableError: it is not kept.
        """

    async def claim(self, session: str) -> Claimed | None:
        """Make a session this server's, under the next generation; `None` if it is not kept.

        Raises:
            StoreUnavailableError: nobody knows.
        """

    async def drop(self, session: str) -> None:
        """Forget a session that is over.

        Raises:
            StoreUnavailableError: it is forgotten by itself in a minute.
        """

    async def close(self) -> None:
        """Let go of whatever is held open."""


class OwnSnapshots:
    """Keeps nothing: the worker's supervisor has all that one server can use."""

    async def check(self) -> None:
        """See `SnapshotStore`."""

    async def begin(self, session: str, picture: bytes) -> None:
        """See `SnapshotStore`."""

    async def put(self, kept: KeptSession) -> None:
        """See `SnapshotStore`."""

    async def claim(self, session: str) -> Claimed | None:
        """See `SnapshotStore`."""
        return None

    async def drop(self, session: str) -> None:
        """See `SnapshotStore`."""

    async def close(self) -> None:
        """See `SnapshotStore`."""
