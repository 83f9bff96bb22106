"""What nobody should send, sent to a real server: one sentence, bounded memory, others undisturbed."""

from __future__ import annotations

import contextlib
import io
import json
import zlib
from fractions import Fraction

import av
import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from flowact.bench.server import rss_mb
from flowact.live.access.tickets import Tickets

PATIENCE = 120
GROWTH_MB = 60
"""More than one upload or one backlog; far less than what is thrown at the server here."""


class Attacker:
    """A visitor who writes the protocol by hand."""

    def __init__(self, socket) -> None:
        self.socket = socket

    def say(self, **message) -> None:
        self.socket.send(json.dumps(message))

    def told(self, kind: str) -> dict:
        """Skip everything up to a text of a kind."""
        while True:
            message = self.socket.recv(timeout=PATIENCE)
            if isinstance(message, str) and json.loads(message)["type"] == kind:
                return json.loads(message)

    def picture(self) -> None:
        """Wait for two moving pictures: the stream goes on."""
        for _ in range(2):
            while not isinstance(self.socket.recv(timeout=PATIENCE), bytes):
                pass


@contextlib.contextmanager
def entering(server, ticket, **hello):
    address = f"ws://127.0.0.1:{server.port}/live/socket"
    with connect(address, max_size=None, open_timeout=PATIENCE) as socket:
        attacker = Attacker(socket)
        attacker.say(type="hello", token=ticket, codec="jpeg", **hello)
        attacker.resume = attacker.told("welcome")["resume"]
        yield attacker
        with contextlib.suppress(ConnectionClosed):
            attacker.say(type="bye")


def is_a_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and "Traceback" not in text and len(text) < 200


@pytest.mark.parametrize(
    "message",
    [
        "",
        "null",
        "[" * 10_000,
        '{"type": "say"}',
        '{"type": "say", "text": 5}',
        '{"type": "ping", "at": "now"}',
        '{"type": "microphone", "mode": "loud"}',
        '{"type": "say", "text": "a", "more": 1}',
        json.dumps({"type": "say", "text": "a" * 10_000}),
        json.dumps({"type": "say", "text": "\0\ud800 \u202e"}),
        json.dumps({"type": "action", "text": "dance " * 1_000}),
        b"\1",
        b"\1" * 9_000,
    ],
    ids=[
        *("empty", "null", "deep", "no text", "no words", "no number", "no mode", "too much"),
        *("long text", "odd text", "long action", "half a sample", "long packet"),
    ],
)
def test_malformed_messages_get_a_sentence_and_the_stream_goes_on(server, ticket, message):
    with entering(server, ticket) as attacker:
        attacker.socket.send(message)
        assert is_a_sentence(attacker.told("error")["text"])
        attacker.picture()


def test_a_flood_ends_its_session_and_disturbs_no_other(server, ticket):
    with entering(server, ticket) as neighbour:
        neighbour.picture()
        before = rss_mb(server.pid)
        for packet in ('{"type": "key"}', bytes(1280), "x" * 60_000):
            with entering(server, ticket) as attacker, contextlib.suppress(ConnectionClosed):
                for _ in range(1_000):
                    attacker.socket.send(packet)
                while not attacker.told("error").get("fatal"):
                    pass  # first it is told that this or that request came too soon
        neighbour.picture()
        neighbour.say(type="action", text="nod")
        assert neighbour.told("plan")["behaviour"] == "nodding"
    assert rss_mb(server.pid) - before < GROWTH_MB


def test_a_message_beyond_all_bounds_ends_the_connection(server, ticket):
    with entering(server, ticket) as attacker, pytest.raises(ConnectionClosed):
        attacker.socket.send("x" * 10_000_000)
        while True:
            attacker.socket.recv(timeout=PATIENCE)


@pytest.mark.parametrize(
    "token",
    ["", "forged", "A" * 400, "ä", Tickets(b"other").issue("visit", "a")],
    ids=["none", "forged", "long", "not ASCII", "another key"],
)
def test_a_wrong_ticket_is_refused(server, token):
    with connect(f"ws://127.0.0.1:{server.port}/live/socket") as socket:
        socket.send(json.dumps({"type": "hello", "token": token}))
        answer = json.loads(socket.recv(timeout=PATIENCE))
    assert answer["fatal"] and is_a_sentence(answer["text"])


def test_a_foreign_page_is_not_let_in(server, ticket):
    address = f"ws://127.0.0.1:{server.port}/live/socket"
    with pytest.raises(InvalidStatus), connect(address, origin="https://evil.example"):
        pass
    answer = httpx.post(f"{server.address}live/down", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 400 and is_a_sentence(answer.json()["error"])


@pytest.mark.parametrize(
    "body",
    [b"", b"T", b"X\0\0\0\0", b"T\xff\xff\xff\xff", bytes(300_000)],
    ids=["empty", "half", "no type", "endless", "large"],
)
def test_posts_without_a_connection_or_sense_are_refused(server, body):
    answer = httpx.post(f"{server.address}live/up/nobody", content=body, timeout=PATIENCE)
    assert answer.status_code == 400 and is_a_sentence(answer.json()["error"])


def bomb(size: int) -> bytes:
    """A PNG file of some kilobytes that unpacks to `size` x `size` pixels."""

    def part(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check

    head = size.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(size // 8 + 1)) for _ in range(size)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")


def two_hours() -> bytes:
    """Silence of two hours as FLAC, which needs next to no room."""
    buffer, samples = io.BytesIO(), np.zeros((1, 8_000 * 60), np.int16)
    with av.open(buffer, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8_000, layout="mono")
        for minute in range(120):
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8_000, minute * samples.shape[1]
            frame.time_base = Fraction(1, 8_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_a_picture_bomb_is_not_unpacked(server, ticket):
    before = rss_mb(server.pid)
    headers = {"x-ticket": ticket, "x-consent": "yes", "x-filename": "me.png"}
    url = f"{server.address}live/upload/picture"
    answer = httpx.post(url, content=bomb(30_000), headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400 and is_a_sentence(answer.json()["error"])
    assert rss_mb(server.pid) - before < GROWTH_MB


@pytest.mark.parametrize(
    ("name", "content"),
    [("day.flac", two_hours), ("text.mp3", lambda: b"not sound"), ("none.wav", bytes)],
)
def test_recordings_that_cannot_be_used_are_refused(server, ticket, name, content):
    with entering(server, ticket) as attacker:
        before = rss_mb(server.pid)
        headers = {"x-ticket": attacker.resume, "x-filename": name}
        url = f"{server.address}live/upload/audio"
        answer = httpx.post(url, content=content(), headers=headers, timeout=PATIENCE)
        assert answer.status_code == 400
        assert is_a_sentence(answer.json()["error"]) and name in answer.json()["error"]
        assert rss_mb(server.pid) - before < GROWTH_MB
        attacker.picture()


def test_a_file_of_two_hundred_megabytes_is_not_kept(server, ticket):
    with entering(server, ticket) as attacker:
        before = rss_mb(server.pid)
        headers = {"x-ticket": attacker.resume, "x-filename": "huge.wav"}
        url = f"{server.address}live/upload/audio"
        pieces = (bytes(1_000_000) for _ in range(200))
        with contextlib.suppress(httpx.TransportError):  # the server need not listen to the end
            answer = httpx.post(url, content=pieces, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 400 and is_a_sentence(answer.json()["error"])
        assert rss_mb(server.pid) - before < GROWTH_MB
        attacker.say(type="play", upload="nothing")
        assert "no longer here" in attacker.told("error")["text"]
