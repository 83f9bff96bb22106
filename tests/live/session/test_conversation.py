"""A whole conversation: a voice is heard, a language model's server answers, the avatar speaks."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from fastapi.testclient import TestClient

from flowact.live.protocol.binary import MessageKind
from flowact.live.server.application import create_app
from flowact.live.settings import Endpoint, LiveSettings
from flowact.media import Recording
from flowact.media.audio import to_wave
from flowact.serving.audio_source import to_pcm16
from tests.live.viewer import visiting, wait_until_ready
from tests.tiny_pipeline import speech

SPOKEN = Path(__file__).parents[3] / "assets" / "speech" / "welcome.wav"


class Server(BaseHTTPRequestHandler):
    """Speaks the three requests of the protocol that the page uses."""

    asked: ClassVar[list[tuple[str, bytes]]] = []
    broken = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, body))
        if self.broken:
            self.send_error(503)
            return
        answer = {
            "/v1/audio/transcriptions": lambda: json.dumps({"text": " Hello there. "}).encode(),
            "/v1/chat/completions": lambda: json.dumps(
                {"choices": [{"message": {"content": "Hello to you."}}]}
            ).encode(),
            "/v1/audio/speech": lambda: to_wave(to_pcm16(speech(1.0).read())),
        }[self.path]()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def talking(assets_folder, monkeypatch):
    monkeypatch.setenv("FLOWACT_ASSETS", str(assets_folder))
    Server.asked, Server.broken = [], False
    model = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    endpoint = Endpoint(f"http://127.0.0.1:{model.server_port}/v1", "secret", speech_model="tts")
    with TestClient(create_app(LiveSettings(threads=1, spare=False, endpoint=endpoint))) as client:
        wait_until_ready(client)
        yield client
    model.shutdown()


def turn() -> list[bytes]:
    """Two seconds of a voice and a second of silence, in the microphone's packets."""
    sound = np.concatenate([Recording.open(SPOKEN).read()[:32_000], np.zeros(16_000, np.float32)])
    pcm = to_pcm16(sound)
    return [pcm[start : start + 1280] for start in range(0, len(pcm), 1280)]


def test_a_turn_is_heard_answered_and_spoken_and_a_failure_is_said(talking):
    ticket = talking.app.state.manager.tickets.issue("visit", "talker")
    with visiting(talking, ticket, codec="jpeg") as viewer:
        viewer.media(MessageKind.SOUND)
        viewer.send("microphone", mode="conversation")
        for packet in turn():
            viewer.socket.send_bytes(packet)
        assert viewer.text("viewer")["speaking"] is True
        assert viewer.text("viewer")["speaking"] is False
        assert viewer.text("heard")["text"] == "Hello there."
        assert viewer.text("reply")["text"] == "Hello to you."
        epoch = viewer.text("epoch")["epoch"]
        assert any(viewer.media(MessageKind.SOUND, epoch=epoch)[1])
        Server.broken = True
        for packet in turn():
            viewer.socket.send_bytes(packet)
        assert "refused audio/transcriptions (503)" in viewer.text("error")["text"]
    paths = [path for path, _ in Server.asked]
    assert paths[:3] == [*("/v1/audio/transcriptions", "/v1/chat/completions", "/v1/audio/speech")]
    heard, chat, _ = (body for _, body in Server.asked[:3])
    assert b"RIFF" in heard and len(heard) > 32_000
    assert json.loads(chat)["messages"][-1] == {"role": "user", "content": "Hello there."}
