"""The voices of this machine, and what happens when they break."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import numpy as np
import pytest

from flowact.errors import UserError
from flowact.live.endpoints import Endpoint
from flowact.live.speech import helper
from flowact.live.speech.endpoint_client import EndpointClient
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.sound import LEAST_PEAK, PEAK, decode_stream, normalised
from flowact.live.speech.tts import RemoteTTS, find_engines, for_script, reader, speak_locally
from flowact.live.speech.writing import script
from flowact.media.audio import to_wave
from flowact.serving.audio_source import to_pcm16
from tests.live.speech.services import FaultyScript, services

NOBODY = EndpointClient(Endpoint(), "speak")


async def sound_of(stream) -> np.ndarray:
    return np.concatenate([block async for block in stream])


def test_a_helper_that_died_or_hangs_is_replaced_and_what_it_did_is_said(monkeypatch):
    async def scene() -> None:
        process = HelperProcess("voice")
        first = await process.run(os.getpid)
        os.kill(first, signal.SIGKILL)
        assert await process.run(abs, -1) == 1, "the next visitor notices nothing"
        with pytest.raises(UserError, match="The voice broke down over that"):
            await process.run(os._exit, 1)
        assert process.restarts == 3
        assert await process.run(abs, -1) == 1
        monkeypatch.setattr(helper, "MOST_SECONDS", 0.3)
        with pytest.raises(UserError, match="took too long"):
            await process.run(time.sleep, 60.0)
        monkeypatch.undo()
        assert await process.run(abs, -1) == 1
        await process.close()

    asyncio.run(scene())


def test_what_is_hardly_there_is_no_voice_and_is_not_made_loud():
    click = np.full(100, LEAST_PEAK / 2, np.float32)
    assert np.abs(normalised(click)).max() == np.abs(click).max()
    assert np.abs(normalised(click * 10)).max() == pytest.approx(PEAK)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Hello, 世界!", "LATIN"),
        ("Привет", "CYRILLIC"),
        ("你好", "CJK"),
        ("日本語です", "HIRAGANA"),
        ("안녕", "HANGUL"),
        ("مرحبا", "ARABIC"),
        ("123!", "LATIN"),
    ],
)
def test_the_script_of_a_text_is_that_of_most_letters(text, name):
    assert script(text) == name


def test_a_voice_that_can_read_a_text_is_found_or_its_lack_is_said():
    engines = find_engines(NOBODY, "", HelperProcess("voice"))
    assert reader(engines, "flite:rms", "Hello").name == "flite:rms"
    assert reader(engines, "rms", "Hello").name == "flite:rms"
    only = {name: engine for name, engine in engines.items() if name.startswith("flite")}
    for text, name in (("你好", "Chinese"), ("Привет", "Cyrillic"), ("مرحبا", "Arabic")):
        with pytest.raises(UserError, match=f"No voice on this machine reads {name}"):
            reader(only, "", text)
    with pytest.raises(UserError, match="has no voice"):
        reader({}, "", "Hello")
    assert all(engine.title and engine.licence for engine in engines.values())


def test_the_voice_of_another_language_is_heard():
    pytest.importorskip("espeakng_loader")
    name = for_script("espeak:en-us+f4", "CYRILLIC")
    sound = speak_locally(name, "Добрый день, друзья.")
    assert name == "espeak:ru+f4" and len(sound) > 12_000 and np.abs(sound).max() > 0.05


@pytest.mark.parametrize("size", [100, 4_001, 100_000])
def test_wave_files_are_decoded_as_they_come(size):
    tone = np.sin(np.arange(16_000) / 8).astype(np.float32) * np.float32(0.3)
    data = to_wave(to_pcm16(tone))

    async def pieces():
        for start in range(0, len(data), size):
            yield data[start : start + size]

    heard = asyncio.run(sound_of(decode_stream(pieces())))
    assert abs(len(heard) - len(tone)) < 64
    assert np.abs(heard[100:15_000] - tone[100:15_000]).max() < 0.01


def test_what_is_no_sound_is_refused():
    async def nonsense():
        yield b"{}"

    with pytest.raises(UserError, match="not sound"):
        asyncio.run(sound_of(decode_stream(nonsense())))


def test_a_remote_voice_is_heard_before_it_has_finished():
    tone = np.full(32_000, 0.2, np.float32)
    data = to_wave(to_pcm16(tone))

    def half(handler, _body) -> None:
        handler.begin_stream("audio/wav")
        handler.send_chunk(data[: len(data) // 2])
        time.sleep(0.5)
        handler.send_chunk(data[len(data) // 2 :])
        handler.send_chunk(b"")

    async def scene(endpoint) -> None:
        client = EndpointClient(endpoint, "speak")
        begun, times = time.monotonic(), []
        async for block in RemoteTTS(client, "alloy").speak("Hello."):
            times.append(time.monotonic() - begun)
            assert np.abs(block).max() <= PEAK + 0.02
        assert times[0] < 0.5 < times[-1]
        await client.close()

    with services(FaultyScript(reactions={"audio/speech": half})) as endpoints:
        asyncio.run(scene(endpoints.answering))
