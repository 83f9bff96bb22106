"""What viewers without a browser note down."""

import asyncio

import httpx
import pytest

from flowact.bench.fleet.crowd import share
from flowact.bench.fleet.viewer import FleetViewer
from flowact.errors import UserError
from flowact.live.protocol.binary import Flag, Header, MessageKind


def piece(kind: MessageKind, at: float, flags: Flag = Flag.NONE, epoch: int = 0) -> bytes:
    return Header(kind, flags, epoch, 0, at).pack(b"x")


def watched(*messages: bytes, pauses: dict[int, float] | None = None) -> FleetViewer:
    async def run():
        async with httpx.AsyncClient() as http:
            viewer = FleetViewer("http://127.0.0.1:1", "ticket", http)
            viewer._asked = 0.0
            for number, message in enumerate(messages):
                await asyncio.sleep((pauses or {}).get(number, 0.0))
                viewer._media(message)
            return viewer

    return asyncio.run(run())


def test_a_late_piece_is_a_picture_that_stands_still_and_an_early_one_is_not():
    sound = [piece(MessageKind.SOUND, 160.0 * number) for number in range(4)]
    assert watched(*sound).seen.frozen == []
    (stood,) = watched(*sound, pauses={3: 0.6}).seen.frozen
    assert stood == pytest.approx(0.6 - 3 * 0.16, abs=0.3) and stood > 0


def test_frames_and_replies_are_counted_and_the_portrait_is_not():
    spoken = piece(MessageKind.SOUND, 0.0, Flag.SPEAKING, epoch=3)
    seen = watched(piece(MessageKind.STILL, 0.0), spoken, spoken, piece(MessageKind.H264, 0.0)).seen
    assert seen.frames == 1 and len(seen.joins) == 1
    assert seen.spoken == {3: {0: b"x"}}


def test_a_refusal_ends_the_visit_in_a_sentence():
    def refuse(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"error": "Too many visitors are waiting."})

    async def run():
        async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as http:
            await FleetViewer("http://127.0.0.1:1", "ticket", http).watch()

    with pytest.raises(UserError, match="Too many visitors"):
        asyncio.run(run())


def test_shares_of_nothing_are_nothing():
    assert share([], 0.95) == 0 and share([1.0, 3.0], 0.5) == 2
