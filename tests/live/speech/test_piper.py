"""Piper's voices, with the real engine and voices of noise."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import numpy as np
import pytest

from flowact.errors import UserError
from flowact.live.endpoints import Endpoints
from flowact.live.speech import piper
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.services import SpeechRoom
from flowact.live.speech.sound import PEAK
from flowact.live.speech.tts import reader, speak_text
from flowact.live.speech.writing import scripts_of
from tests.live.speech.neural import write_piper_voice

pytestmark = pytest.mark.skipif(find_spec("piper") is None, reason="needs the extra voice")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An English and a Russian voice, each in a folder of its own."""
    root = tmp_path_factory.mktemp("voices")
    write_piper_voice(root / "en" / "joe", "en_US-joe-medium")
    write_piper_voice(root / "ru" / "irina", "ru_RU-irina-medium", "ru", "ru")
    return root


def spoken(room: SpeechRoom, name: str, text: str) -> list[np.ndarray]:
    async def scene() -> list[np.ndarray]:
        try:
            return [sound async for sound in speak_text(room.services.engines, name, text)]
        finally:
            await room.close()

    return asyncio.run(scene())


def test_voices_of_a_folder_have_names_licences_and_scripts_and_speak(folder):
    room = SpeechRoom(Endpoints(), folder)
    engines = room.services.engines
    joe, irina = (engines[f"piper:{name}"] for name in ("en_US-joe-medium", "ru_RU-irina-medium"))
    assert (joe.title, irina.title) == ("Joe (English)", "Irina (Russian)")
    assert joe.licence.startswith("voice: CC0; engine: Piper, GPL-3.0")
    assert joe.scripts == {"LATIN"} and irina.scripts == {"CYRILLIC"}
    assert next(iter(engines)) != joe.name, "flite or espeak stays the usual voice"
    with_bits, one = spoken(room, joe.name, "Good morning [[everybody]]. It is a fine day.")
    assert min(len(with_bits), len(one)) > 3_000
    assert np.abs(one).max() == pytest.approx(PEAK, abs=0.02)


def test_a_script_is_read_by_the_voice_that_can_and_one_voice_may_be_for_everybody(folder):
    room = SpeechRoom(Endpoints(voice="piper:en_US-joe-medium"), folder)
    engines = room.services.engines
    assert next(iter(engines)) == "piper:en_US-joe-medium"
    assert reader(engines, "", "Hello").name == "piper:en_US-joe-medium"
    few = {name: engine for name, engine in engines.items() if name.startswith("piper")}
    assert reader(few, "piper:en_US-joe-medium", "Привет").name == "piper:ru_RU-irina-medium"
    with pytest.raises(UserError, match="No voice on this machine reads Chinese"):
        reader(few, "", "你好")


def test_a_broken_voice_is_one_sentence_and_the_log_says_why(folder, tmp_path, caplog):
    broken = write_piper_voice(tmp_path, "en_US-broken-low")
    broken.write_bytes(b"no model")
    with pytest.raises(UserError, match="cannot speak just now"):
        spoken(SpeechRoom(Endpoints(), tmp_path), "piper:en_US-broken-low", "A secret.")
    assert "cannot be loaded" in caplog.text and "secret" not in caplog.text


def test_a_folder_without_voices_or_with_half_of_one_is_refused(tmp_path, monkeypatch):
    helper = HelperProcess("voice")
    with pytest.raises(UserError, match=r"There is no voice in .*NAME.onnx"):
        piper.find_piper_voices(tmp_path / "nowhere", helper)
    write_piper_voice(tmp_path, "en_US-half-low").with_suffix(".onnx.json").write_text("[]")
    with pytest.raises(UserError, match="half-low.onnx.json cannot be read"):
        piper.find_piper_voices(tmp_path, helper)
    monkeypatch.setattr(piper, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=r"flowact\[voice\]"):
        piper.find_piper_voices(tmp_path, helper)


@pytest.mark.parametrize(
    ("language", "scripts"),
    [("en-us", {"LATIN"}), ("zh_CN", {"CJK"}), ("uk", {"CYRILLIC"}), ("ja", {"HIRAGANA", "KATAKANA"})],
)  # fmt: skip
def test_a_language_is_written_in_its_scripts(language, scripts):
    assert scripts_of(language) == scripts
