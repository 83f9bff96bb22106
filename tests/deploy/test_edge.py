"""The edge's own configuration in a real nginx, before two servers that say who they are."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import connect

from flowact.bench.free_port import free_port
from tests.nginx import nginx

EDGE = Path(__file__).resolve().parents[2] / "deploy" / "edge"


class Page:
    """A server that answers with its name, or with 503 while it is drained."""

    def __init__(self, name: str) -> None:
        self.name, self.drained, self.port = name, False, free_port()
        routes = [Route("/", self.page), WebSocketRoute("/v1/socket", self.socket)]
        config = uvicorn.Config(Starlette(routes=routes), port=self.port, log_level="error")
        self.server = uvicorn.Server(config)
        threading.Thread(target=self.server.run, daemon=True).start()
        while not self.server.started:
            time.sleep(0.02)

    async def page(self, _request) -> PlainTextResponse:
        return PlainTextResponse(self.name, 503 if self.drained else 200)

    async def socket(self, websocket: WebSocket) -> None:
        if self.drained:
            await websocket.send_denial_response(PlainTextResponse("drained", 503))
            return
        await websocket.accept()
        await websocket.send_text(self.name)
        await websocket.close()


@pytest.fixture(scope="module")
def pages():
    made = [Page("one"), Page("two")]
    yield made
    for page in made:
        page.server.should_exit = True


@pytest.fixture(scope="module")
def edge(pages):
    written = (EDGE / "nginx.conf").read_text().replace("listen 80 ", "listen LISTEN ")
    for page, place in zip(pages, ("page-1:7860", "page-2:7860"), strict=True):
        assert written.count(place) == 1
        written = written.replace(place, f"127.0.0.1:{page.port}")
    clips = str(EDGE / "study-clips.conf")
    with nginx(written.replace("/etc/nginx/flowact/study-clips.conf", clips)) as address:
        yield address


@pytest.fixture(autouse=True)
def _undrained(pages):
    yield
    for page in pages:
        page.drained = False


def test_a_browser_keeps_to_its_server_and_both_are_used(edge):
    seen = set()
    for _ in range(12):
        with httpx.Client() as browser:
            answers = {browser.get(edge).text for _ in range(4)}
            assert len(answers) == 1
            seen |= answers
    assert seen == {"one", "two"}


def test_a_drained_server_is_passed_over_at_once_and_the_socket_too(edge, pages):
    with httpx.Client() as browser:
        at = browser.get(edge).text
        page = next(each for each in pages if each.name == at)
        cookie = {"Cookie": f"flowact={browser.cookies['flowact']}"}
        page.drained = True
        other = browser.get(edge)
        assert other.status_code == 200 and other.text != at
    with connect(edge.replace("http", "ws") + "/v1/socket", additional_headers=cookie) as socket:
        assert socket.recv() == other.text


def test_a_server_that_died_costs_no_visitor_anything(edge, pages):
    pages[0].server.should_exit = True
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{pages[0].port}", timeout=1)
        except httpx.TransportError:
            break
        time.sleep(0.05)
    for _ in range(10):
        assert httpx.get(edge).text == "two"
