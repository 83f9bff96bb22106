"""A stand-in for servers that hear and answer, with delays that are stated: what a conversation is measured against.

It speaks the part of OpenAI's protocol that FlowAct uses. It understands nothing: every turn is the
same question and gets the same answer.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

QUESTION: Final = "What can you tell me about this place?"
ANSWER: Final = "This is a quiet place by the river, and I like it."


@dataclass
class ServiceScript:
    """What the services do, and what they were asked.

    Attributes:
        transcription_s: until a turn is written down.
        chat_s: until the first word of an answer.
        word_s: from one word to the next.
        question: text of every turn.
        answer: text of every answer.
        asked: path and body of every request, oldest first.
    """

    transcription_s: float = 0.3
    chat_s: float = 0.3
    word_s: float = 0.03
    question: str = QUESTION
    answer: str = ANSWER
    asked: list[tuple[str, bytes]] = field(default_factory=list)


class ServiceHandler(BaseHTTPRequestHandler):
    """Answers as the script says; the server's `script` attribute holds it."""

    protocol_version = "HTTP/1.1"

    @property
    def script(self) -> ServiceScript:
        """Of the server."""
        found: ServiceScript = self.server.script  # type: ignore[attr-defined]
        return found

    def handle(self) -> None:
        """Serve a connection until it ends, in whatever way."""
        with contextlib.suppress(ConnectionResetError):
            super().handle()

    def do_POST(self) -> None:
        """Read a request and answer it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.removeprefix("/v1/")
        self.script.asked.append((path, body))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # speech went on
            self.answer(path, body)

    def answer(self, path: str, body: bytes) -> None:
        """Hear or answer; any other path is not there."""
        if path == "audio/transcriptions":
            time.sleep(self.script.transcription_s)
            self.send_json({"text": self.script.question})
        elif path == "chat/completions":
            self.send_answer(self.script.answer)
        else:
            self.send_json({"error": {"message": f"no such route: {path}"}}, 404)

    def send_json(self, content: Any, status: int = 200) -> None:
        """Answer with JSON as a whole."""
        self.send_whole(json.dumps(content).encode(), "application/json", status)

    def send_whole(self, body: bytes, kind: str, status: int = 200) -> None:
        """Answer with a body whose length is known."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_answer(self, text: str) -> None:
        """Stream a text word by word, as server-sent events."""
        self.begin_stream("text/event-stream")
        time.sleep(self.script.chat_s)
        for word in text.split(" "):
            self.send_delta({"content": f"{word} "})
            time.sleep(self.script.word_s)
        self.send_chunk(b"data: [DONE]\n\n")
        self.send_chunk(b"")

    def begin_stream(self, kind: str) -> None:
        """Begin a body that comes in chunks."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_delta(self, delta: dict[str, Any]) -> None:
        """Send a piece of an answer."""
        event = json.dumps({"choices": [{"index": 0, "delta": delta}]})
        self.send_chunk(f"data: {event}\n\n".encode())

    def send_chunk(self, data: bytes) -> None:
        """Send a chunk; an empty one ends the body."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Nothing: the bench prints figures only."""


@contextlib.contextmanager
def speech_services(
    script: ServiceScript, handler: type[ServiceHandler] = ServiceHandler
) -> Iterator[str]:
    """Serve on 127.0.0.1 until the block is left; give the base address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.script = script  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
