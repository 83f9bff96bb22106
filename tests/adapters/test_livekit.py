"""The avatar as LiveKit's runner, queue and agent session drive it; only the room's server is not there."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarRunner, QueueAudioOutput

from flowact.adapters.livekit import AvatarWorker, FlowActVideoGenerator, LiveKitAvatarSession
from tests.avatar.stage import Stage
from tests.tiny_pipeline import tiny_pipeline

RATE = 24_000


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


@pytest.fixture(autouse=True)
def _no_server(monkeypatch):
    """A room without a server: the tracks count as published, everything else is LiveKit's own."""

    async def publish(runner: AvatarRunner) -> None:
        runner._audio_publication = runner._video_publication = object()

    monkeypatch.setattr(AvatarRunner, "_publish_track", publish)


class OneStage:
    """A host whose only session is that of a stage."""

    def __init__(self, pipeline) -> None:
        self.stage, self.asked = Stage(pipeline, "raw"), {}

    async def open(self, **options):
        self.asked = options
        return self.stage.session


def tone(seconds: float, channels: int = 1) -> rtc.AudioFrame:
    samples = (9000 * np.sin(np.arange(round(seconds * RATE)) / 9)).astype(np.int16)
    both = np.repeat(samples, channels)
    return rtc.AudioFrame(both.tobytes(), RATE, channels, len(samples))


def run(script) -> None:
    asyncio.run(asyncio.wait_for(script, 300))


@pytest.mark.parametrize("channels", [1, 2])
def test_the_generator_speaks_shows_and_ends_a_segment(pipeline, channels):
    async def script() -> None:
        stage = Stage(pipeline, "raw")
        async with stage.running():
            generator = FlowActVideoGenerator(stage.session)
            await generator.push_audio(tone(0.7, channels))
            await generator.push_audio(AudioSegmentEnd())
            pictures, sounds = 0, []
            async for frame in generator:
                if isinstance(frame, AudioSegmentEnd):
                    break
                if isinstance(frame, rtc.VideoFrame):
                    assert (frame.width, frame.height) == (480, 480)
                    pictures += 1
                else:
                    sounds.append(frame)
            assert sum(sound.duration for sound in sounds) == pytest.approx(0.7, abs=0.004)
            assert pictures >= 25 * 0.7
            assert any(np.frombuffer(sounds[1].data, np.int16))

    run(script())


def test_an_interrupted_segment_ends_and_the_next_is_whole(pipeline):
    async def script() -> None:
        stage = Stage(pipeline, "raw")
        async with stage.running():
            generator = FlowActVideoGenerator(stage.session)
            await generator.push_audio(tone(5))
            heard, ends, cut = 0.0, 0, False
            async for frame in generator:
                if isinstance(frame, AudioSegmentEnd):
                    ends += 1
                    break
                if isinstance(frame, rtc.AudioFrame):
                    heard += frame.duration
                    if not cut:
                        cut, heard = True, 0.0
                        await generator.clear_buffer()
                        await generator.push_audio(tone(0.5))
                        await generator.push_audio(AudioSegmentEnd())
            assert ends == 1 and heard == pytest.approx(0.5, abs=0.004)

    run(script())


def test_encoded_pictures_are_refused(pipeline):
    async def script() -> None:
        stage = Stage(pipeline, "jpeg")
        with pytest.raises(ValueError, match="raw"):
            FlowActVideoGenerator(stage.session)
        await stage.session.close()

    run(script())


def test_an_agents_voice_goes_through_the_avatar_and_playback_is_told(pipeline):
    """A whole AgentSession of LiveKit: what it says goes to the avatar, ends and interruptions come back."""

    async def script() -> None:
        host, room = OneStage(pipeline), rtc.Room()
        agent, avatar = AgentSession(), LiveKitAvatarSession(host=host, character="mira")
        async with host.stage.running():
            await avatar.start(agent, room)
            assert host.asked == {"codec": "raw", "character": "mira"}
            assert avatar.provider == "flowact"
            audio = agent.output.audio
            told: list[tuple[str, float, bool]] = []
            audio.on("playback_started", lambda event: told.append(("started", 0.0, False)))
            audio.on(
                "playback_finished",
                lambda e: told.append(("finished", e.playback_position, e.interrupted)),
            )
            await audio.capture_frame(tone(0.6))
            audio.flush()
            while len(told) < 2:
                await asyncio.sleep(0.02)
            assert [one[0] for one in told] == ["started", "finished"]
            assert told[1][1] == pytest.approx(0.6, abs=0.02) and not told[1][2]
            await audio.capture_frame(tone(8))
            audio.flush()
            while len(told) < 3:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            audio.clear_buffer()
            while len(told) < 4:
                await asyncio.sleep(0.02)
            assert told[3][0] == "finished" and told[3][2] and 0 < told[3][1] < 6
            await avatar.aclose()

    run(script())


def test_the_worker_serves_a_room_until_the_voice_ends(pipeline):
    async def script() -> None:
        host, room = OneStage(pipeline), rtc.Room()
        audio = QueueAudioOutput(sample_rate=16_000, wait_playback_start=True)
        finished = asyncio.Event()
        audio.on("playback_finished", lambda _event: finished.set())
        async with host.stage.running():
            serving = asyncio.create_task(AvatarWorker(host, character="mira").serve(room, audio))
            await audio.capture_frame(tone(0.5))
            audio.flush()
            await finished.wait()
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
        assert host.asked["character"] == "mira"

    run(script())
