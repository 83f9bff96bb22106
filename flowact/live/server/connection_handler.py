"""From a connection's first message to its last: ticket, waiting line, session, farewell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Final

from flowact.errors import UserError
from flowact.live.access.rate_limit import (
    MESSAGES_AT_ONCE,
    MESSAGES_PER_SECOND,
    REQUESTS_AT_ONCE,
    REQUESTS_PER_SECOND,
    Bucket,
)
from flowact.live.protocol import requests
from flowact.live.protocol.connection import Connection, ConnectionLostError
from flowact.live.session.manager import House
from flowact.live.session.session import Visit

HELLO_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 15.0
"""Pages ping every two seconds; one that has not for so long is gone."""
FAREWELL_SECONDS: Final = 1.0
RESUME_LIFETIME: Final = 86_400.0


async def conduct(connection: Connection, house: House) -> None:
    """Serve one connection until it ends; errors become one sentence to the viewer."""
    try:
        hello = await _hello(connection)
        visit = await _enter(connection, house, hello)
        if visit is not None:
            await _converse(connection, house, visit)
    except UserError as error:
        with contextlib.suppress(ConnectionLostError):
            await connection.send(_message("error", text=str(error), fatal=True))
    except (ConnectionLostError, TimeoutError):
        return


async def _hello(connection: Connection) -> requests.Hello:
    async with asyncio.timeout(HELLO_SECONDS):
        message = await connection.receive()
    request = requests.parse(message) if isinstance(message, str) else None
    if not isinstance(request, requests.Hello):
        raise UserError("The page sent something before it said hello.")
    return request


async def _enter(connection: Connection, house: House, hello: requests.Hello) -> Visit | None:
    """Return the session to serve: the one to resume, or a new one when there is a place."""
    visitor = house.tickets.check(hello.token, "visit")
    if hello.resume:
        visit = house.visits.get(house.tickets.check(hello.resume, "resume"))
        if visit is not None:
            visit.outbox.close()
            visit.rejoin()
            visit.outbox.put_text(_welcome(house, visit, resumed=True))
            return visit
    await _wait_for_place(connection, house)
    try:
        visit = house.begin(visitor, hello.character, hello.upload, hello.codec)
    except BaseException:
        await house.admission.leave()
        raise
    visit.outbox.put_text(_welcome(house, visit, resumed=False))
    return visit


async def _wait_for_place(connection: Connection, house: House) -> None:
    """Stand in line, telling the viewer where; give up when they do."""
    async with house.admission.line() as me:
        reader = asyncio.create_task(_until_lost(connection))
        try:
            while not house.admission.try_enter(me):
                await connection.send(_message("busy", position=house.admission.position(me)))
                moved = asyncio.create_task(house.admission.moved())
                await asyncio.wait({moved, reader}, return_when=asyncio.FIRST_COMPLETED)
                moved.cancel()
                if reader.done():
                    reader.result()
        finally:
            reader.cancel()


async def _until_lost(connection: Connection) -> None:
    """Read and ignore what a waiting viewer sends; ends when they are gone."""
    while True:
        async with asyncio.timeout(SILENT_SECONDS):
            await connection.receive()


async def _converse(connection: Connection, house: House, visit: Visit) -> None:
    """Send and receive until either ends, then keep the session for a while or end it."""
    outbox = visit.outbox
    sender = asyncio.create_task(_send_all(connection, visit))
    reader = asyncio.create_task(_receive_all(connection, visit))
    over = False
    try:
        done, _ = await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
        over = any(task.exception() is None for task in done)
        if over:  # let the last words out
            outbox.close()
            await asyncio.wait({sender}, timeout=FAREWELL_SECONDS)
    finally:
        for task in (sender, reader):
            task.cancel()
        if visit.outbox is outbox:  # nobody has resumed the session meanwhile
            visit.left = time.monotonic()
            if over:
                await house.end(visit)


async def _send_all(connection: Connection, visit: Visit) -> None:
    outbox = visit.outbox
    while (message := await outbox.get()) is not None:
        await connection.send(message)


async def _receive_all(connection: Connection, visit: Visit) -> None:
    """Pass on what the viewer sends until they say goodbye; a flood ends the session."""
    everything = Bucket(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE)
    asked = Bucket(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
    while True:
        async with asyncio.timeout(SILENT_SECONDS):
            message = await connection.receive()
        if not everything.take():
            visit.tell("error", text="The page sent too many messages at once.", fatal=True)
            visit.outbox.close()
            return
        try:
            if isinstance(message, bytes):
                visit.hear(message)
                continue
            request = requests.parse(message)
            if isinstance(request, requests.Bye):
                return
            if not isinstance(request, requests.Ping) and not asked.take():
                raise UserError("That was too fast; try again in a moment.")
            visit.handle(request)
        except UserError as error:
            visit.tell("error", text=str(error))


def _welcome(house: House, visit: Visit, *, resumed: bool) -> str:
    return _message(
        "welcome",
        session=visit.name,
        resume=house.tickets.issue("resume", visit.name, RESUME_LIFETIME),
        resumed=resumed,
        epoch=visit.epoch,
    )


def _message(kind: str, **content: object) -> str:
    return json.dumps({"type": kind, **content})
