"""A whole conversation: a voice is heard, servers answer and speak, the avatar says it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from flowact.live.protocol.binary import MessageKind
from flowact.live.server.application import create_app
from flowact.live.settings import LiveSettings
from flowact.media import Recording
from flowact.media.audio import to_wave
from flowact.serving.audio_source import to_pcm16
from tests.live.api.test_sessions import joined
from tests.live.conftest import KEY
from tests.live.speech.services import FaultyScript, services, status
from tests.live.viewer import visiting, wait_until_ready
from tests.tiny_pipeline import speech

SPOKEN = Path(__file__).parents[3] / "assets" / "speech" / "welcome.wav"


@pytest.fixture(scope="module")
def served(assets_folder):
    """A server whose ears, mind and voice are one faulty service; the worker is real."""
    script = FaultyScript(question="Hello there.", answer="Hello to you.", chat_s=0.6)
    patch = pytest.MonkeyPatch()
    patch.setenv("FLOWACT_ASSETS", str(assets_folder))
    with services(script) as endpoints:
        speaking = replace(endpoints, speaking=endpoints.answering)
        settings = LiveSettings(threads=1, spare=False, endpoints=speaking, api_keys=(KEY,))
        with TestClient(create_app(settings)) as client:
            wait_until_ready(client)
            patch.undo()
            yield client, script


@pytest.fixture
def talking(served):
    client, script = served
    script.reactions = {"audio/speech": sound}
    script.asked.clear()
    return client, script


def sound(handler, _body) -> None:
    """A second of a voice, as a WAV file that comes in pieces."""
    data = to_wave(to_pcm16(speech(1.0).read()))
    handler.begin_stream("audio/wav")
    for start in range(0, len(data), 5_000):
        handler.send_chunk(data[start : start + 5_000])
    handler.send_chunk(b"")


def turn() -> list[bytes]:
    """Two seconds of a voice and a second of silence, in the microphone's packets."""
    sound = np.concatenate([Recording.open(SPOKEN).read()[:32_000], np.zeros(16_000, np.float32)])
    pcm = to_pcm16(sound)
    return [pcm[start : start + 1280] for start in range(0, len(pcm), 1280)]


def test_a_turn_is_heard_answered_and_spoken_and_a_failure_is_said(talking):
    client, script = talking
    ticket = client.app.state.manager.tickets.issue("visit", "talker")
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.media(MessageKind.SOUND)
        viewer.send("microphone.set", mode="conversation")
        for packet in turn():
            viewer.socket.send_bytes(packet)
        viewer.event("user.speech_started")
        viewer.event("user.speech_stopped")
        assert viewer.event("transcript.final")["text"] == "Hello there."
        assert viewer.event("reply.delta")["text"] == "Hello to you."
        epoch = viewer.event("playback.started")["epoch"]
        assert any(viewer.media(MessageKind.SOUND, epoch=epoch)[1])
        viewer.event("playback.finished")
        thinking = [
            m["behaviour"]
            for m in viewer.seen
            if isinstance(m, dict) and m["type"] == "action.changed"
        ]
        after = thinking[thinking.index("thinking") :]
        assert after.count("speaking") <= 1 and after.count("thinking") == 1, after
        script.reactions["audio/transcriptions"] = status(503)
        for packet in turn():
            viewer.socket.send_bytes(packet)
        assert "cannot hear just now" in viewer.event("error")["message"]
    assert {"audio/transcriptions", "chat/completions", "audio/speech"} == {
        path for path, _ in script.asked
    }


def test_typed_text_is_not_explained_as_an_answer_and_greets_once(talking):
    client, _ = talking
    ticket = client.app.state.manager.tickets.issue("visit", "typist")
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.media(MessageKind.SOUND)
        viewer.send("text.say", text="Hello there! I am generated while you watch, as you can see.")
        viewer.event("playback.finished")
        plans = [m for m in viewer.seen if isinstance(m, dict) and m["type"] == "action.changed"]
    assert [plan["behaviour"] for plan in plans].count("waving") == 1
    assert not any("answer" in plan["why"] for plan in plans)


def test_a_program_s_agent_is_the_character_of_the_card(talking, assets_folder):
    client, script = talking
    card = assets_folder / "characters" / "mira" / "character.json"
    before = card.read_text(encoding="utf-8")
    words = {"title": "Mira", "persona": "You are Mira, a cook.", "greeting": "Hi, I am Mira."}
    card.write_text(json.dumps(words), encoding="utf-8")
    try:
        with joined(client, mode="agent", codec="jpeg", character="mira") as caller:
            caller.send("microphone.set", mode="conversation")
            assert caller.event("reply.done")["text"] == "Hi, I am Mira."
            assert not caller.event("playback.finished")["interrupted"]
            for packet in turn():
                caller.socket.send_bytes(packet)
            caller.event("user.speech_started")
            caller.event("user.speech_stopped")
            assert caller.event("transcript.final")["text"] == "Hello there."
            assert caller.event("reply.delta")["text"] == "Hello to you."
            assert caller.event("reply.done")["text"] == "Hello to you."
            caller.event("playback.started")
            assert caller.event("playback.finished")["played_ms"] >= 900
            caller.send("session.update", persona="You are Ann, a pilot.", language="de")
            assert caller.event("session.updated")["language"] == "de"
            caller.send("text.ask", text="Who are you?")
            assert caller.event("reply.done")["text"] == "Hello to you."
    finally:
        card.write_text(before, encoding="utf-8")
    chats = [json.loads(body)["messages"] for body in script.bodies("chat/completions")]
    assert "You are Mira, a cook." in chats[0][0]["content"]
    assert "You have just said: Hi, I am Mira." in chats[0][0]["content"]
    assert "You are Ann, a pilot." in chats[1][0]["content"]
    assert [turn["content"] for turn in chats[1][1:]] == [
        "Hello there.",
        "Hello to you.",
        "Who are you?",
    ]
