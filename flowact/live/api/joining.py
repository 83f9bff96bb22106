"""From a client's token to its session, and on to the session's end, whatever carries the messages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from flowact.errors import UserError
from flowact.live.access.rate_limit import (
    MESSAGES_AT_ONCE,
    MESSAGES_PER_SECOND,
    REQUESTS_AT_ONCE,
    REQUESTS_PER_SECOND,
    TokenBucket,
)
from flowact.live.access.reservations import PlaceLostError
from flowact.live.api.credentials import (
    PAGE,
    RESUME,
    RESUME_SECONDS,
    check_origin,
    read_token,
)
from flowact.live.api.models import SocketQuery
from flowact.live.api.registry import ApiSession, SessionRegistry
from flowact.live.observation.events import NotJoined
from flowact.live.observation.session_watch import Arrival
from flowact.live.protocol import events
from flowact.live.protocol.connection import Connection, ConnectionLostError
from flowact.live.protocol.parsing import parse_event
from flowact.live.protocol.problem import ApiError
from flowact.live.server.connection_handler import SILENT_SECONDS, converse, wait_for_place
from flowact.live.session.manager import SessionManager
from flowact.live.session.session import ViewerSession
from flowact.logs import raised_at

_log = logging.getLogger(__name__)

OVER: Final = "This session is over; make another."


@dataclass(frozen=True)
class JoinRequest:
    """What a client shows when it connects.

    Attributes:
        token: a client token, a resume token or a page token.
        query: see `SocketQuery`.
        headers: of the request, with lower-case names; `traceparent` among them is the parent of its spans.
    """

    token: str
    query: SocketQuery
    headers: Mapping[str, str]


class SessionDoor:
    """Lets clients into their sessions.

    Args:
        manager: where sessions live.
        registry: the sessions that owners' keys have made.
    """

    def __init__(self, manager: SessionManager, registry: SessionRegistry) -> None:
        self._manager, self._registry = manager, registry

    async def serve(self, connection: Connection, request: JoinRequest) -> UserError | None:
        """Serve a client until either side ends; return why it was refused, if it was."""
        try:
            session, resumed = await self._join(connection, request)
            session.send_queue.put_text(self._created(session, resumed=resumed))
            await converse(connection, self._manager, session, _read(connection, session))
            self._registry.forget_over()
        except UserError as error:
            await self.refuse(connection, error)
            return error
        except (ConnectionLostError, TimeoutError) as error:
            _log.debug("a connection ended: %s", raised_at(error))
        return None

    async def refuse(self, connection: Connection, error: UserError) -> None:
        """Tell a client why it gets no session."""
        _log.info("a connection was refused: %s", raised_at(error))
        if not isinstance(error, PlaceLostError):  # whoever lost a place asks for another one
            self._manager.observers.tell(NotJoined("refused"))
        with contextlib.suppress(ConnectionLostError):
            await connection.send(events.error_event(error, fatal=True).model_dump_json())

    async def _join(self, connection: Connection, request: JoinRequest) -> tuple[ApiSession, bool]:
        """Return the session of a token, and whether it was there before."""
        arrival = Arrival(traceparent=request.headers.get("traceparent", ""))
        purpose, subject = read_token(self._manager.tickets, request.token)
        if purpose == RESUME:
            return await self._resume(connection, request.query, subject, arrival), True
        if purpose == PAGE:
            check_origin(self._manager, request.headers)
            return await self._begin_for_page(connection, request.query, subject, arrival), False
        return await self._begin_reserved(connection, request.query, subject, arrival), False

    async def _begin_for_page(
        self, connection: Connection, query: SocketQuery, visitor: str, arrival: Arrival
    ) -> ApiSession:
        owner, _, upload = query.picture_id.partition(".")
        if owner and owner != visitor:
            raise ApiError(
                "unknown_picture", "There is no such picture of yours.", status=404, fatal=True
            )

        async def begin(arrived: Arrival) -> ViewerSession:
            codec = query.codec or "h264"
            character = query.character
            return self._manager.begin(visitor, character, upload, codec, arrived)

        return await self._with_place(connection, query.place, arrival, begin)

    async def _begin_reserved(
        self, connection: Connection, query: SocketQuery, name: str, arrival: Arrival
    ) -> ApiSession:
        """Begin a session that was made before; a client that gives up has used its token up."""
        reservation = self._registry.claim(name, query.codec)

        async def begin(arrived: Arrival) -> ApiSession:
            return self._registry.begin(reservation, arrived)

        try:
            return await self._with_place(connection, query.place, arrival, begin)
        except BaseException:
            self._registry.forget(reservation)
            raise

    async def _resume(
        self, connection: Connection, query: SocketQuery, name: str, arrival: Arrival
    ) -> ApiSession:
        """Go on with a session that lives here, or with one that another server had."""
        arrival = replace(arrival, result="resumed")
        session = self._registry.live(name)
        if session is not None:
            session.send_queue.close()
            session.reconnect()
            session.watch.arrived(arrival)
            _log.info("session %s goes on over a new connection", name)
            return session
        if not self._manager.settings.store:
            raise ApiError("unknown_session", OVER, fatal=True)

        async def adopt(arrived: Arrival) -> ViewerSession:
            found = await self._manager.adopt(name, arrived)
            if found is None:
                raise ApiError("unknown_session", OVER, fatal=True)
            return found

        return await self._with_place(connection, query.place, arrival, adopt)

    async def _with_place(
        self,
        connection: Connection,
        ticket: str,
        arrival: Arrival,
        begin: Callable[[Arrival], Awaitable[ApiSession]],
    ) -> ApiSession:
        """Begin a session once there is a place for it, which is given back if that fails."""
        with _reserved(self._manager, ticket) as lease:
            await wait_for_place(connection, self._manager, _position)
            try:
                waited = time.monotonic() - arrival.at
                session = await begin(replace(arrival, waited=waited))
            except BaseException:
                await self._manager.admission.leave()
                raise
            if self._manager.reservations is not None:
                self._manager.reservations.bind(lease, session.name)
            return session

    def _created(self, session: ApiSession, *, resumed: bool) -> str:
        return events.SessionCreated(
            session=session.name,
            resume_token=self._manager.tickets.issue(RESUME, session.name, RESUME_SECONDS),
            codec=session.codec,
            resumed=resumed,
            epoch=session.epoch,
            microphone=session.mode,
            heard=session.heard,
        ).model_dump_json()


@contextlib.contextmanager
def _reserved(manager: SessionManager, ticket: str) -> Iterator[str]:
    """Claim the place that a fleet's gateway gave, and give it back if no session comes of it.

    Raises:
        PlaceLostError: it is over.
    """
    reservations = manager.reservations
    if reservations is None:
        yield ""
        return
    if not ticket:
        raise PlaceLostError
    lease = manager.tickets.check(ticket, "place").partition(":")[0]
    reservations.claim(lease)
    try:
        yield lease
    except BaseException:
        reservations.give_back(lease)
        raise


async def _read(connection: Connection, session: ApiSession) -> None:
    """Pass on what the client sends until it closes the session; a flood ends it."""
    everything = TokenBucket(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE)
    asked = TokenBucket(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
    while True:
        async with asyncio.timeout(SILENT_SECONDS):
            message = await connection.receive()
        if not everything.take():
            _log.warning("session %s sent too many messages and ends", session.name)
            session.tell(
                events.error_event(ApiError("flood", "Too many messages at once.", fatal=True))
            )
            session.send_queue.close()
            return
        try:
            if isinstance(message, bytes):
                session.hear_bytes(message)
                continue
            event = parse_event(message)
            if isinstance(event, events.SessionClose):
                return
            if not isinstance(event, events.PingEvent) and not asked.take():
                raise ApiError("rate_limited", "That was too fast; wait a moment.", retryable=True)
            if 0 < event.number <= session.heard:  # sent again, for nobody was sure of it
                continue
            session.heard = max(event.number, session.heard)
            session.handle_event(event)
        except UserError as error:
            _log.info("session %s: an event was refused: %s", session.name, raised_at(error))
            session.tell(events.error_event(error))


def _position(place: int) -> str:
    return events.QueuePosition(position=place).model_dump_json()
