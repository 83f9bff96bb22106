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
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from flowact.bench.server import rss_mb
from flowact.live.access.tickets import Tickets
from flowact.live.protocol.binary import prefixed

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


def dialled(server, token: str, **options):
    """A socket that offers a token as a browser does: what is no header's character is none of a token's either."""
    address = f"ws://127.0.0.1:{server.port}/v1/socket?codec=jpeg"
    offered = ["flowact.v1", f"token.{token.rstrip('=')}"]
    return connect(address, subprotocols=offered, max_size=None, open_timeout=PATIENCE, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextlib.contextmanager
def entering(server, ticket):
    with dialled(server, ticket) as socket:
        attacker = Attacker(socket)
        attacker.resume = attacker.told("session.created")["resume_token"]
        yield attacker
        with contextlib.suppress(ConnectionClosed):
            attacker.say(type="session.close")


def is_a_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and "Traceback" not in text and len(text) < 200


@pytest.mark.parametrize(
    "message",
    [
        "",
        "null",
        "[" * 10_000,
        '{"type": "text.say"}',
        '{"type": "text.say", "text": 5}',
        '{"type": "ping", "at": "now"}',
        '{"type": "microphone.set", "mode": "loud"}',
        '{"type": "text.say", "text": "a", "more": 1}',
        json.dumps({"type": "text.say", "text": "a" * 10_000}),
        json.dumps({"type": "text.say", "text": "\0\ud800 \u202e"}),
        json.dumps({"type": "action.set", "text": "dance " * 1_000}),
        b"\1",
        b"\1" * 9_001,
    ],
    ids=[
        *("empty", "null", "deep", "no text", "no words", "no number", "no mode", "too much"),
        *("long text", "odd text", "long action", "half a sample", "odd packet"),
    ],
)
def test_malformed_messages_get_a_sentence_and_the_stream_goes_on(server, ticket, message):
    with entering(server, ticket) as attacker:
        attacker.socket.send(message)
        assert is_a_sentence(attacker.told("error")["message"])
        attacker.picture()


def test_a_flood_ends_its_session_and_disturbs_no_other(server, ticket):
    with entering(server, ticket) as neighbour:
        neighbour.picture()
        before = rss_mb(server.pid)
        for packet in ('{"type": "media.key"}', bytes(1280), "x" * 60_000):
            with entering(server, ticket) as attacker, contextlib.suppress(ConnectionClosed):
                for _ in range(1_000):
                    attacker.socket.send(packet)
                while not attacker.told("error").get("fatal"):
                    pass  # first it is told that this or that request came too soon
        neighbour.picture()
        neighbour.say(type="action.set", text="nod")
        assert neighbour.told("action.changed")["behaviour"] == "nodding"
    assert rss_mb(server.pid) - before < GROWTH_MB


def test_a_message_beyond_all_bounds_ends_the_connection(server, ticket):
    with entering(server, ticket) as attacker, pytest.raises(ConnectionClosed):
        attacker.socket.send("x" * 10_000_000)
        while True:
            attacker.socket.recv(timeout=PATIENCE)


@pytest.mark.parametrize(
    "token",
    ["", "forged", "A" * 400, Tickets(b"other").issue("visit", "a")],
    ids=["none", "forged", "long", "another key"],
)
def test_a_wrong_token_is_refused(server, token):
    with dialled(server, token) as socket:
        answer = json.loads(socket.recv(timeout=PATIENCE))
    assert answer["fatal"] and is_a_sentence(answer["message"])


def test_a_foreign_page_is_not_let_in(server, ticket):
    with dialled(server, ticket, origin="https://evil.example") as socket:
        answer = json.loads(socket.recv(timeout=PATIENCE))
    assert answer["code"] == "foreign_page" and answer["fatal"] and is_a_sentence(answer["message"])
    headers = {"Origin": "https://evil.example", **bearer(ticket)}
    answer = httpx.post(f"{server.address}v1/streams", headers=headers, timeout=PATIENCE)
    assert b"foreign_page" in answer.content


SENSELESS_POSTS = {
    "half": (b"T", 422),
    "no type": (b"X\0\0\0\0", 422),
    "endless": (b"T\xff\xff\xff\xff", 422),
    "no text": (b"T\1\0\0\0\xff", 422),
    "large": (bytes(300_000), 413),
}


def test_posts_without_sense_are_refused_and_the_stream_goes_on(server, ticket):
    opened = f"{server.address}v1/streams?codec=jpeg"
    with httpx.stream("POST", opened, headers=bearer(ticket), timeout=PATIENCE) as down:
        up, pieces = f"{server.address}v1/streams/{down.headers['x-connection']}", down.iter_raw()
        assert b"session.created" in next(pieces)
        for name, (body, status) in SENSELESS_POSTS.items():
            answer = httpx.post(up, content=body, timeout=PATIENCE)
            assert answer.status_code == status, name
            assert is_a_sentence(answer.json()["error"]["message"]), name
        assert next(pieces)
        goodbye = prefixed('{"type": "session.close"}')
        assert httpx.post(up, content=goodbye, timeout=PATIENCE).status_code == 204
        assert all(pieces)  # to the end, which there is
    answer = httpx.post(up, content=goodbye, timeout=PATIENCE)
    assert answer.status_code == 404 and is_a_sentence(answer.json()["error"]["message"])


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
    headers = {**bearer(ticket), "x-filename": "me.png"}
    url = f"{server.address}v1/pictures?consent=true"
    httpx.post(url, content=bomb(30), headers=headers, timeout=PATIENCE)  # brings PyTorch
    before = rss_mb(server.pid)
    answer = httpx.post(url, content=bomb(30_000), headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400 and is_a_sentence(answer.json()["error"]["message"])
    assert rss_mb(server.pid) - before < GROWTH_MB


@pytest.mark.parametrize(
    ("name", "content"),
    [("day.flac", two_hours), ("text.mp3", lambda: b"not sound"), ("none.wav", bytes)],
)
def test_recordings_that_cannot_be_used_are_refused(server, ticket, name, content):
    with entering(server, ticket) as attacker:
        before = rss_mb(server.pid)
        headers = {**bearer(attacker.resume), "x-filename": name}
        url = f"{server.address}v1/sounds"
        answer = httpx.post(url, content=content(), headers=headers, timeout=PATIENCE)
        assert answer.status_code == 400
        message = answer.json()["error"]["message"]
        assert is_a_sentence(message) and name in message
        assert rss_mb(server.pid) - before < GROWTH_MB
        attacker.picture()


def test_a_file_of_two_hundred_megabytes_is_not_kept(server, ticket):
    with entering(server, ticket) as attacker:
        before = rss_mb(server.pid)
        headers = {**bearer(attacker.resume), "x-filename": "huge.wav"}
        url = f"{server.address}v1/sounds"
        pieces = (bytes(1_000_000) for _ in range(200))
        with contextlib.suppress(httpx.TransportError):  # the server need not listen to the end
            answer = httpx.post(url, content=pieces, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 400
            assert is_a_sentence(answer.json()["error"]["message"])
        assert rss_mb(server.pid) - before < GROWTH_MB
        attacker.say(type="sound.play", sound_id="nothing")
        assert "no longer here" in attacker.told("error")["message"]
