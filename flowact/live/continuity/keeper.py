"""Keeps this server's sessions in a store, the newest state of each, without making anybody wait."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.live.continuity.kept_session import KeptSession, SessionOrigin
from flowact.live.continuity.store import (
    SnapshotStore,
    StaleError,
    StoreUnavailableError,
)
from flowact.live.observation.events import LiveEvent, SnapshotFailed

_log = logging.getLogger(__name__)


class Keeper:
    """Between the sessions of one server and the store.

    A slow store gets the newest states and misses older ones; a store that is gone costs nothing but the
    chance to go on elsewhere.

    Args:
        store: where states go.
        tell: hears of failures.
        stale: called with the name of a session that another server has gone on with.
    """

    def __init__(
        self,
        store: SnapshotStore,
        tell: Callable[[LiveEvent], None],
        stale: Callable[[str], None],
    ) -> None:
        self.store, self._tell, self._stale = store, tell, stale
        self._origins: dict[str, SessionOrigin] = {}
        self._pictures: dict[str, NDArray[np.uint8]] = {}
        self._newest: dict[str, KeptSession] = {}
        self._writing: asyncio.Task[None] | None = None

    def begin(self, origin: SessionOrigin, picture: NDArray[np.uint8]) -> None:
        """Take a session in; its visitor's own picture, uint8 `[480, 480, 3]`, goes with its first state.

        A character's does not: every server has it.
        """
        self._origins[origin.session] = origin
        if origin.uploaded:
            self._pictures[origin.session] = picture

    def origin(self, session: str) -> SessionOrigin | None:
        """Return how a session began; `None` if it is over."""
        return self._origins.get(session)

    def keep(self, kept: KeptSession) -> None:
        """Write a session's state when there is time."""
        self._newest[kept.origin.session] = kept
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())

    async def give_away(self, kept: KeptSession) -> bool:
        """Write a session's last state and let go of it; false if the store does not take it."""
        self._newest.pop(kept.origin.session, None)
        given = await self._write(kept)
        self._forget(kept.origin.session)
        return given

    async def claim(self, session: str) -> tuple[KeptSession, NDArray[np.uint8] | None] | None:
        """Make a session this server's; `None` if it is not there, or nobody knows.

        With it comes the picture that its visitor sent; `None` where it is a character.
        """
        try:
            found = await self.store.claim(session)
        except StoreUnavailableError:
            self._tell(SnapshotFailed())
            return None
        if found is None:
            return None
        picture = await asyncio.to_thread(_pixels, found.picture) if found.picture else None
        self._origins[session] = found.kept.origin
        return found.kept, picture

    async def drop(self, session: str) -> None:
        """Forget a session that is over, here and in the store."""
        if self._origins.get(session) is None:
            return
        self._forget(session)
        try:
            await self.store.drop(session)
        except StoreUnavailableError:
            self._tell(SnapshotFailed())

    async def close(self) -> None:
        """Stop writing and let go of the store."""
        if self._writing is not None:
            self._writing.cancel()
        await self.store.close()

    def _forget(self, session: str) -> None:
        for table in (self._origins, self._pictures, self._newest):
            table.pop(session, None)

    async def _write_all(self) -> None:
        while self._newest:
            session = next(iter(self._newest))
            await self._write(self._newest.pop(session))

    async def _write(self, kept: KeptSession) -> bool:
        session = kept.origin.session
        try:
            picture = self._pictures.get(session)
            if picture is not None:
                await self.store.begin(session, await asyncio.to_thread(_png, picture))
                self._pictures.pop(session, None)
            await self.store.put(kept)
        except StoreUnavailableError:
            self._tell(SnapshotFailed())
            return False
        except StaleError:
            _log.info("session %s has gone on at another server", session)
            self._forget(session)
            self._stale(session)
            return False
        return True


def _png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def _pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        pixels: NDArray[np.uint8] = np.asarray(image.convert("RGB"))
    return pixels
