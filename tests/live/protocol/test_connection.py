"""The connection that stands in for a socket: bounded, and over once it is closed."""

import asyncio

import pytest

from flowact.errors import UserError
from flowact.live.protocol.connection import (
    MOST_WAITING,
    MOST_WAITING_BYTES,
    ConnectionLostError,
    HttpConnection,
)


async def read(connection: HttpConnection, count: int) -> list[str | bytes]:
    return [await connection.receive() for _ in range(count)]


def test_posts_are_read_in_their_order():
    connection = HttpConnection()
    for message in ("a", b"b"):
        connection.post(message)
    assert asyncio.run(read(connection, 2)) == ["a", b"b"]


def test_posts_that_nobody_reads_are_bounded_in_bytes():
    connection, piece = HttpConnection(), "名" * (MOST_WAITING_BYTES // 12)
    for _ in range(4):
        connection.post(piece)
    with pytest.raises(UserError, match="faster"):
        connection.post(piece)
    asyncio.run(read(connection, 1))
    connection.post(piece)


def test_posts_that_nobody_reads_are_bounded_in_number():
    connection = HttpConnection()
    for _ in range(MOST_WAITING):
        connection.post(b"")
    with pytest.raises(UserError, match="faster"):
        connection.post(b"")


def test_a_closed_connection_takes_and_gives_nothing():
    connection = HttpConnection()
    connection.close()
    with pytest.raises(ConnectionLostError):
        connection.post("late")
    with pytest.raises(ConnectionLostError):
        asyncio.run(read(connection, 1))
