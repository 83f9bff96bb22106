"""What a connection goes through whatever its session is: the waiting line, sending and receiving, farewell."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from flowact.live.observation.events import NotJoined
from flowact.live.protocol.connection import Connection
from flowact.live.session.live_session import LiveSession
from flowact.live.session.manager import SessionManager

_log = logging.getLogger(__name__)

SILENT_SECONDS: Final = 15.0
"""Clients ping; one that has not for so long is gone."""
FAREWELL_SECONDS: Final = 1.0


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
