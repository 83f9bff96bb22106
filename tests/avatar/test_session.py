"""Sessions over the real engine, whose clock a test turns by hand; one runs a whole worker process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import av
import numpy as np
import pytest

from flowact.avatar import AvatarHost, open_avatar
from flowact.avatar.item import BLOCKS_IN_HAND
from flowact.avatar.session import MOST_SEGMENTS
from flowact.errors import UserError
from flowact.media.watermark import DETECTED, score
from flowact.timebase import SAMPLES_PER_CHUNK
from tests.avatar.stage import Stage, settled
from tests.tiny_assets import write_assets
from tests.tiny_pipeline import speech, tiny_pipeline

SECOND = 16_000


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture
def played(pipeline):
    """Runs a play on a stage."""

    def play(script: Callable[[Stage], Awaitable[None]], codec="raw") -> None:
        async def run() -> None:
            stage = Stage(pipeline, codec)
            await script(stage)
            await stage.session.close()

        asyncio.run(run())

    return play


def voice(chunks: float, seed: int = 0) -> np.ndarray:
    return speech(chunks * 0.48, seed).read()


def test_what_is_pushed_is_heard_sample_by_sample_with_marked_pictures(played):
    sound = voice(2.5)

    async def script(stage: Stage) -> None:
        await stage.read(1)
        await stage.session.push(sound, item="greeting")
        await stage.session.finish()
        segments = await stage.read(4)
        said = [one for one in segments if one.item]
        assert {one.item for one in said} == {"greeting"}
        assert [one.final for one in said].count(True) == 1 and said[-1].final
        heard = np.concatenate([one.sound for one in said])[: len(sound)]
        assert np.abs(heard - sound * 32768).max() <= 1
        assert not segments[-1].speaking
        assert said[0].images.shape == (4, 480, 480, 3)
        grey = said[0].images[0].astype(np.float32).mean(axis=2).astype(np.uint8)
        assert score(grey) > DETECTED

    played(script)


def test_items_are_spoken_in_turn_and_each_ends_once(played):
    async def script(stage: Stage) -> None:
        await stage.read(1)
        for name in ("one", "two"):
            await stage.session.push(voice(1), item=name)
            await stage.session.finish()
        segments = await stage.read(5)
        order = [one.item for one in segments if one.item]
        assert order == sorted(order) and set(order) == {"one", "two"}
        assert sum(one.final for one in segments) == 2

    played(script)


def test_an_interruption_forgets_everything_and_says_what_was_heard(played, monkeypatch):
    async def script(stage: Stage) -> None:
        hands = [100.0]
        monkeypatch.setattr(stage.session._clock, "_now", lambda: hands[0])
        await stage.read(1)
        hands[0] += 0.48
        await stage.session.push(voice(6), item="long")
        await stage.session.push(voice(1))
        assert await stage.session.interrupt() == 0  # nothing was heard yet
        await stage.read(1)
        hands[0] += 0.48
        await stage.session.push(voice(6), item="again")
        await stage.read(2)
        hands[0] += 0.5
        assert stage.session.played_ms() == 500
        assert await stage.session.interrupt() == 500
        after = await stage.read(2)
        assert after[0].flush and not any(one.speaking or one.item for one in after)
        assert await stage.session.interrupt() == 0

    played(script)


def test_the_end_of_what_was_heard_is_the_end_of_the_sound(played, monkeypatch):
    async def script(stage: Stage) -> None:
        hands = [100.0]
        monkeypatch.setattr(stage.session._clock, "_now", lambda: hands[0])
        await stage.session.push(voice(0.25))
        await stage.session.finish()
        await stage.read(1)
        hands[0] += 0.3
        assert stage.session.played_ms() == 120  # of a chunk of 480 ms only the sound counts
        hands[0] += 0.3
        assert stage.session.played_ms() == 0  # it is over

    played(script)


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
def test_sound_of_another_rate_is_spoken_as_long(played, rate):
    async def script(stage: Stage) -> None:
        tone = (8000 * np.sin(np.arange(rate) / 20)).astype(np.int16)
        for piece in np.split(tone, 7 * np.arange(1, 40)):
            await stage.session.push(piece, rate)
        await stage.session.finish()
        segments = await stage.read(4)
        last = max(i for i, one in enumerate(segments) if one.item)
        assert segments[last].final
        heard = np.concatenate([one.sound for one in segments])
        assert np.flatnonzero(heard).max() == pytest.approx(SECOND, abs=60)

    played(script)


def test_what_comes_faster_than_it_is_spoken_waits_and_an_interruption_lets_go(played):
    async def script(stage: Stage) -> None:
        hour = np.ones((BLOCKS_IN_HAND + 40) * SAMPLES_PER_CHUNK, np.float32) * 0.1
        pushing = asyncio.create_task(stage.session.push(hour))
        await settled()
        assert not pushing.done()
        await stage.session.interrupt()
        await asyncio.wait_for(pushing, 5)

    played(script)


@pytest.mark.parametrize("codec", ["raw", "jpeg", "h264"])
def test_a_program_that_does_not_read_loses_pictures_and_not_its_memory(played, codec, monkeypatch):
    monkeypatch.setitem(MOST_SEGMENTS, codec, 5)

    async def script(stage: Stage) -> None:
        for _ in range(3):
            await stage.chunk()
        assert stage.session.dropped > 0
        assert len(stage.session._segments) <= MOST_SEGMENTS[codec]
        segments = [await anext(stage.session) for _ in range(len(stage.session._segments))]
        segments += await stage.read(2)
        assert segments[0].frames[0].key
        if codec == "h264":
            decoder = av.CodecContext.create("h264", "r")
            datas = [frame.data for one in segments for frame in one.frames]
            shown = [f for data in datas for f in decoder.decode(av.Packet(data))]
            assert len([*shown, *decoder.decode(None)]) == len(datas)

    played(script, codec)


def test_wrong_sound_is_refused_in_one_sentence_and_the_session_goes_on(played):
    async def script(stage: Stage) -> None:
        push = stage.session.push
        for sound, rate, sentence in (
            (b"123", SECOND, "even length"),
            (np.zeros((2, 9), np.int16), SECOND, "mono"),
            (np.full(9, np.nan, np.float32), SECOND, "finite"),
            (np.zeros(9, np.int16), 4_000, "8000 to 96000"),
        ):
            with pytest.raises(UserError, match=sentence):
                await push(sound, rate)
        await push(np.zeros(9, np.int16), SECOND)
        with pytest.raises(UserError, match="one rate"):
            await push(np.zeros(9, np.int16), 24_000)
        assert len(await stage.read(1)) == 3

    played(script)


def test_after_the_end_reading_ends_and_pushing_is_refused(played):
    async def script(stage: Stage) -> None:
        await stage.read(1)
        await stage.session.close()
        with pytest.raises(UserError, match="over"):
            await stage.session.push(b"12")
        assert [one async for one in stage.session] == []
        assert "a" not in stage.engine.sessions

    played(script)


def test_a_worker_that_fails_is_told_to_whoever_reads(played):
    async def script(stage: Stage) -> None:
        stage.session.fail("The generator could not go on.")
        with pytest.raises(UserError, match="could not go on"):
            await anext(stage.session)

    played(script)


def test_a_host_with_its_worker_process(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWACT_ASSETS", str(write_assets(tmp_path)))

    async def run() -> None:
        async with open_avatar(threads=1, character="mira", codec="jpeg") as session:
            chosen = []
            session.on_decision = lambda decision: chosen.append(decision.behaviour)
            assert session.act("wave").behaviour == "waving"
            assert chosen == ["waving"]
            await session.push(voice(1), item="hello")
            await session.finish()
            said = []
            async for segment in session:
                said += [segment] if segment.item else []
                if segment.final:
                    break
            assert said[0].item == "hello" and any(said[0].sound)
            with pytest.raises(ValueError, match="codec='raw'"):
                said[0].images  # noqa: B018
        with pytest.raises(UserError, match="started"):
            await AvatarHost().open(character="mira")

    asyncio.run(asyncio.wait_for(run(), 200))
