"""Sessions on their way between servers: kept in the store, given away, taken over, and never at two at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.live.access.places import Place
from flowact.live.continuity.keeper import Keeper
from flowact.live.continuity.kept_session import KeptSession, SessionOrigin
from flowact.live.continuity.store import SnapshotStore
from flowact.live.observation.events import LiveEvent, Moved, SnapshotKept
from flowact.live.protocol import events
from flowact.live.session.live_session import LiveSession
from flowact.live.session.session import ViewerSession
from flowact.serving.messages import Create, Departed

_log = logging.getLogger(__name__)

DRAIN_SECONDS: Final = 10.0
ENDS: Final = "This server ends; start again, please."
NO_PLACE: Final = Place("")
_LOOK_SECONDS: Final = 0.02
_LAST_WORDS_SECONDS: Final = 0.5


class SessionMoves:
    """What the sessions of one server have to do with other servers.

    Args:
        store: what servers share, if they share anything.
        sessions: of this server, by name.
        tell: hears what operators are to know.
        end: ends a session here.

    Attributes:
        draining: whether everybody is being given away.
    """

    def __init__(
        self,
        store: SnapshotStore,
        sessions: Mapping[str, LiveSession],
        tell: Callable[[LiveEvent], None],
        end: Callable[[LiveSession], Awaitable[None]],
    ) -> None:
        self._keeper = Keeper(store, tell, self._lost)
        self._sessions, self._tell, self._end = sessions, tell, end
        self.draining = False
        self._moving: dict[str, ViewerSession] = {}
        self._given_away: set[str] = set()
        self._places: dict[str, Place] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(
        self, session: ViewerSession, origin: SessionOrigin, picture: NDArray[np.uint8]
    ) -> None:
        """Keep a session from now on; its picture is uint8 `[480, 480, 3]`."""
        self._moving[session.name] = session
        self._keeper.begin(origin, picture)

    def keep(self, create: Create) -> None:
        """Keep a session's newest state, for the case that this server dies."""
        if create.resume is None:
            return
        self._tell(SnapshotKept(len(create.resume.snapshot)))
        session, origin = self._known(create.session)
        if session is not None and origin is not None:
            kept = KeptSession(origin, create.epoch, create.action, create.resume, session.kept())
            self._keeper.keep(kept)

    async def claim(self, name: str) -> tuple[KeptSession, NDArray[np.uint8] | None] | None:
        """Make a session of another server this one's; see `Keeper.claim`."""
        return await self._keeper.claim(name)

    def adopted(self, session: ViewerSession, began: float) -> None:
        """Keep a session that was claimed; `began` is when its viewer came, by `time.monotonic()`."""
        self._moving[session.name] = session
        self._tell(Moved("adoption", 1, time.monotonic() - began))

    async def drain(self, depart: Callable[[str], None]) -> None:
        """Give every session away at its next chunk border, and let no new ones come.

        Args:
            depart: tells the worker to let go of a session, which `departed` hears of.
        """
        self.draining = True
        _log.info("draining: %d sessions are given away", len(self._moving))
        for name, session in list(self._sessions.items()):
            if name in self._moving:
                depart(name)
            else:  # a program's: it asks for another one itself
                session.tell(events.error_event(UserError(ENDS), fatal=True))
                session.send_queue.close()
        limit = time.monotonic() + DRAIN_SECONDS
        while self._moving and time.monotonic() < limit:
            await asyncio.sleep(_LOOK_SECONDS)

    def move(self, name: str, place: Place, depart: Callable[[str], None]) -> bool:
        """Let a session go on at another server, where it has a place; false if it moves or ends already.

        Args:
            name: of the session.
            place: at the other server.
            depart: see `drain`.
        """
        if name not in self._moving or self.under_way(name):
            return False
        self._places[name] = place
        depart(name)
        return True

    def under_way(self, name: str) -> bool:
        """Whether a session has a place elsewhere already, or was left to whichever server its page dials."""
        return name in self._places or name in self._given_away

    def departed(self, departed: Departed) -> None:
        """The worker has let go of a session: hand it over to whichever server its page dials next."""
        self._spawn(self._give_away(departed))

    def over(self, session: LiveSession) -> None:
        """Forget a session that has ended here, and in the store unless it goes on elsewhere.

        Nobody waits for the store: the place of the session is free at once.
        """
        self._moving.pop(session.name, None)
        self._places.pop(session.name, None)
        if session.name not in self._given_away:
            self._spawn(self._keeper.drop(session.name))
        self._given_away.discard(session.name)

    async def close(self) -> None:
        """Let go of the store."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_WORDS_SECONDS)
        for task in self._tasks:
            task.cancel()
        await self._keeper.close()

    def _known(self, name: str) -> tuple[ViewerSession | None, SessionOrigin | None]:
        return self._moving.get(name), self._keeper.origin(name)

    async def _give_away(self, departed: Departed) -> None:
        session, origin = self._known(departed.session)
        if session is None or origin is None:
            return
        began, source = time.monotonic(), departed.resume.source
        on_their_way = len(source.sound) // 2 if source.kind == "reply" else 0
        viewer = session.kept(on_their_way)
        kept = KeptSession(origin, departed.epoch, departed.action, departed.resume, viewer)
        self._given_away.add(session.name)
        if await self._keeper.give_away(kept):
            place = self._places.get(session.name, NO_PLACE)
            session.tell(events.SessionMoved(path=place.path, ticket=place.ticket))
            self._tell(Moved("drain", 1, time.monotonic() - began))
        else:
            session.tell(events.error_event(UserError(ENDS)))
        await self._leave(session)

    def _lost(self, name: str) -> None:
        """Another server has gone on with a session: here it is over."""
        session = self._moving.get(name)
        if session is not None:
            self._given_away.add(name)
            self._spawn(self._leave(session))

    async def _leave(self, session: ViewerSession) -> None:
        """Let the last words out and end; where nobody is connected, at once."""
        session.send_queue.close()
        if session.left is not None:
            await self._end(session)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
