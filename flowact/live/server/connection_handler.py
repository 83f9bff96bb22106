"""From a connection's first message to its last: ticket, waiting line, session, farewell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import Any, Final

from flowact.errors import UserError
from flowact.live.access.rate_limit import (
    MESSAGES_AT_ONCE,
    MESSAGES_PER_SECOND,
    REQUESTS_AT_ONCE,
    REQUESTS_PER_SECOND,
    TokenBucket,
)
from flowact.live.access.reservations import PlaceLostError
from flowact.live.observation.events import NotJoined
from flowact.live.observation.session_watch import Arrival
from flowact.live.protocol import requests
from flowact.live.protocol.connection import Connection, ConnectionLostError
from flowact.live.session.live_session import LiveSession
from flowact.live.session.manager import SessionManager
from flowact.live.session.session import ViewerSession
from flowact.logs import raised_at

_log = logging.getLogger(__name__)

HELLO_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 15.0
"""Pages ping every two seconds; one that has not for so long is gone."""
FAREWELL_SECONDS: Final = 1.0
RESUME_LIFETIME: Final = 86_400.0


async def handle_connection(connection: Connection, manager: SessionManager) -> None:
    """Serve one connection until it ends; errors become one sentence to the viewer."""
    try:
        hello = await _hello(connection)
        session = await _enter(connection, manager, hello)
        if session is not None:
            await converse(connection, manager, session, _receive_all(connection, session))
    except PlaceLostError:
        _log.info("a page came with a place that is over; it asks for another one")
        with contextlib.suppress(ConnectionLostError):
            await connection.send(_message("moved"))
    except UserError as error:
        _log.info("a connection was refused: %s", raised_at(error))
        manager.observers.tell(NotJoined("refused"))
        with contextlib.suppress(ConnectionLostError):
            await connection.send(_message("error", text=str(error), fatal=True))
    except (ConnectionLostError, TimeoutError) as error:
        _log.debug("a connection ended: %s", raised_at(error))


async def _hello(connection: Connection) -> requests.Hello:
    async with asyncio.timeout(HELLO_SECONDS):
        message = await connection.receive()
    request = requests.parse(message) if isinstance(message, str) else None
    if not isinstance(request, requests.Hello):
        raise UserError("The page sent something before it said hello.")
    return request


async def _enter(
    connection: Connection, manager: SessionManager, hello: requests.Hello
) -> ViewerSession | None:
    """Return the session to serve: the one to resume, or a new one when there is a place."""
    arrival = Arrival(traceparent=hello.traceparent)
    visitor = manager.tickets.check(hello.token, "visit")
    if hello.resume:
        session = manager.sessions.get(manager.tickets.check(hello.resume, "resume"))
        if isinstance(session, ViewerSession):
            session.send_queue.close()
            session.reconnect()
            session.watch.arrived(replace(arrival, result="resumed"))
            _log.info("session %s goes on over a new connection", session.name)
            session.send_queue.put_text(_welcome(manager, session, resumed=True))
            return session
    with _reserved(manager, hello) as lease:
        await wait_for_place(connection, manager, lambda place: _message("busy", position=place))
        arrival = replace(arrival, waited=time.monotonic() - arrival.at)
        try:
            session = await _elsewhere(manager, hello, arrival)
            resumed = session is not None
            if session is None:
                session = manager.begin(
                    visitor, hello.character, hello.upload, hello.codec, arrival, ViewerSession
                )
        except BaseException:
            await manager.admission.leave()
            raise
        if manager.reservations is not None:
            manager.reservations.bind(lease, session.name)
    session.send_queue.put_text(_welcome(manager, session, resumed=resumed))
    return session


@contextlib.contextmanager
def _reserved(manager: SessionManager, hello: requests.Hello) -> Iterator[str]:
    """Claim the place that a fleet's gateway gave, and give it back if no session comes of it.

    Raises:
        PlaceLostError: it is over.
    """
    reservations = manager.reservations
    if reservations is None:
        yield ""
        return
    if not hello.place:
        raise PlaceLostError
    lease = manager.tickets.check(hello.place, "place").partition(":")[0]
    reservations.claim(lease)
    try:
        yield lease
    except BaseException:
        reservations.give_back(lease)
        raise


async def _elsewhere(
    manager: SessionManager, hello: requests.Hello, arrival: Arrival
) -> ViewerSession | None:
    """Return the session that another server had, if it is the one to resume."""
    if not hello.resume:
        return None
    name = manager.tickets.check(hello.resume, "resume")
    return await manager.adopt(name, replace(arrival, result="resumed"), ViewerSession)


async def wait_for_place(
    connection: Connection, manager: SessionManager, told: Callable[[int], str]
) -> None:
    """Stand in line, telling the viewer where; give up when they do.

    Args:
        connection: the viewer's.
        manager: knows the line.
        told: makes the message about a place in it.

    Raises:
        UserError: too many wait already.
        ConnectionLostError: the viewer has left.
    """
    async with manager.admission.line() as me:
        reader = asyncio.create_task(_until_lost(connection))
        try:
            while not manager.admission.try_enter(me):
                await connection.send(told(manager.admission.position(me)))
                moved = asyncio.create_task(manager.admission.moved())
                await asyncio.wait({moved, reader}, return_when=asyncio.FIRST_COMPLETED)
                moved.cancel()
                if reader.done():
                    manager.observers.tell(NotJoined("left"))
                    reader.result()
        finally:
            reader.cancel()


async def _until_lost(connection: Connection) -> None:
    """Read and ignore what a waiting viewer sends; ends when they are gone."""
    while True:
        async with asyncio.timeout(SILENT_SECONDS):
            await connection.receive()


async def converse(
    connection: Connection,
    manager: SessionManager,
    session: LiveSession,
    reading: Coroutine[Any, Any, None],
) -> None:
    """Send and receive until either ends, then keep the session for a while or end it.

    Args:
        connection: the viewer's.
        manager: whose session it is.
        session: what is served.
        reading: passes on what the viewer sends, until they say goodbye.
    """
    send_queue = session.send_queue
    sender = asyncio.create_task(_send_all(connection, session))
    reader = asyncio.create_task(reading)
    over = False
    try:
        done, _ = await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
        over = any(task.exception() is None for task in done)
        if over:  # let the last words out
            send_queue.close()
            await asyncio.wait({sender}, timeout=FAREWELL_SECONDS)
    finally:
        for task in (sender, reader):
            task.cancel()
        if session.send_queue is send_queue:  # nobody has resumed the session meanwhile
            session.left = time.monotonic()
            if over:
                await manager.end(session)
            else:
                _log.info("session %s has lost its viewer", session.name)


async def _send_all(connection: Connection, session: LiveSession) -> None:
    send_queue = session.send_queue
    while (message := await send_queue.get()) is not None:
        await connection.send(message)


async def _receive_all(connection: Connection, session: ViewerSession) -> None:
    """Pass on what the viewer sends until they say goodbye; a flood ends the session."""
    everything = TokenBucket(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE)
    asked = TokenBucket(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
    while True:
        async with asyncio.timeout(SILENT_SECONDS):
            message = await connection.receive()
        if not everything.take():
            _log.warning("session %s sent too many messages and ends", session.name)
            session.send_event("error", text="The page sent too many messages at once.", fatal=True)
            session.send_queue.close()
            return
        try:
            if isinstance(message, bytes):
                session.hear(message)
                continue
            request = requests.parse(message)
            if isinstance(request, requests.Bye):
                return
            if not isinstance(request, requests.Ping) and not asked.take():
                raise UserError("That was too fast; try again in a moment.")
            session.handle(request)
        except UserError as error:
            _log.info("session %s: a request was refused: %s", session.name, raised_at(error))
            session.send_event("error", text=str(error))


def _welcome(manager: SessionManager, session: ViewerSession, *, resumed: bool) -> str:
    return _message(
        "welcome",
        session=session.name,
        resume=manager.tickets.issue("resume", session.name, RESUME_LIFETIME),
        resumed=resumed,
        epoch=session.epoch,
        microphone=session.mode,
    )


def _message(kind: str, **content: object) -> str:
    return json.dumps({"type": kind, **content})
