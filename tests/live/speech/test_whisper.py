"""Whisper on this machine, with the real engine and a model of noise."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest

from flowact.errors import UserError
from flowact.live.endpoints import Endpoint, Endpoints
from flowact.live.server.about import about
from flowact.live.speech import whisper
from flowact.live.speech.check import check
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.recogniser import LONGEST_TEXT
from flowact.live.speech.services import SpeechRoom
from flowact.serving.audio_source import to_pcm16
from tests.live.speech.neural import write_whisper
from tests.tiny_pipeline import speech

pytestmark = pytest.mark.skipif(
    find_spec("faster_whisper") is None, reason="needs the extra listen"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_whisper(tmp_path_factory.mktemp("whisper") / "model")


def test_a_turn_is_written_down_by_the_model_that_was_given(folder):
    async def scene() -> None:
        remote = Endpoint("http://127.0.0.1:9/v1", "", "whisper-1")
        room = SpeechRoom(Endpoints(hearing=remote), listen_model=folder)
        ears = room.services.recogniser
        assert room.health()["hears"] == "whisper", "the owner gave a model: no server is asked"
        pcm = to_pcm16(speech(1.0).read())
        texts = [await ears.transcribe(pcm, language) for language in ("en", "de", "xx", "en")]
        assert texts[0] == texts[3] and "word" in texts[0]
        assert all(0 < len(text) <= LONGEST_TEXT for text in texts)
        lines = [line async for line, well in check(room.services) if well]
        assert lines[0].startswith(f"hear: {folder}: silence became")
        await room.close()

    asyncio.run(scene())


def test_a_broken_model_is_one_sentence_and_the_log_says_why(folder, tmp_path, caplog):
    for file in whisper.FILES:
        (tmp_path / file).write_bytes((folder / file).read_bytes()[:1_000])

    async def scene() -> None:
        ears = whisper.WhisperRecogniser(tmp_path, helper := HelperProcess("recogniser"))
        await ears.warm_up()
        with pytest.raises(UserError, match="cannot hear just now"):
            await ears.transcribe(bytes(32_000), "")
        await helper.close()

    asyncio.run(scene())
    assert "cannot be loaded" in caplog.text


def test_a_folder_without_a_model_is_refused_with_what_is_missing(folder, tmp_path, monkeypatch):
    helper = HelperProcess("recogniser")
    (tmp_path / "model.bin").touch()
    with pytest.raises(UserError, match=r"config.json is missing.*CTranslate2"):
        whisper.WhisperRecogniser(tmp_path, helper)
    monkeypatch.setattr(whisper, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"flowact\[listen\]"):
        whisper.WhisperRecogniser(folder, helper)


def test_visitors_are_told_that_no_server_hears_them():
    remote = Endpoints(hearing=Endpoint("https://api.example.org/v1", "", "whisper-1"))
    assert "api.example.org" in about([("About", "about")], remote)
    here = about([("About", "about")], remote, hears=True)
    assert "api.example.org" not in here and "on this server itself" in here
