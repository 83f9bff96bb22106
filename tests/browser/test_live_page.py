"""The live page in a real Chromium, with tiny weights and a real worker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.tiny_assets import write_assets

sync_api = pytest.importorskip("playwright.sync_api")

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PATIENCE = 180
NO_SOCKET = "delete window.WebSocket; window.WebSocket = class { constructor() { throw 0; } };"
NO_DECODER = "delete window.VideoDecoder;"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    assets = write_assets(tmp_path_factory.mktemp("assets"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--threads", "1", "--spare", "no"]
    environment = {**os.environ, "FLOWACT_ASSETS": str(assets)}
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/live/health")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_ready(health: str) -> None:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(health, timeout=5) as answer:
                state = json.load(answer)
            assert state["problem"] is None
            if state["ready"]:
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("the server was not ready in time")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    flags = [
        *("--no-sandbox", "--disable-gpu", "--mute-audio", "--disable-background-networking"),
        *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    pages = []

    def begin(*, script: str = "", query: str = ""):
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.set_default_timeout(PATIENCE * 1000)
        pages.append(page)
        if script:
            page.add_init_script(script)
        page.goto(address + query, wait_until="domcontentloaded")
        page.click("[data-part=start]")
        return page

    yield begin
    for page in pages:
        page.evaluate("window.flowactSession?.stop()")
        page.close()
    time.sleep(1)


def painted(page, frames: int) -> dict:
    condition = f"() => (window.flowactSession?.summary().frames_painted ?? 0) >= {frames}"
    page.wait_for_function(condition)
    return page.evaluate("window.flowactSession.summary()")


@pytest.mark.parametrize(
    ("script", "query", "transport", "codec"),
    [
        ("", "", "websocket", None),
        ("", "?codec=jpeg", "websocket", "jpeg"),
        (NO_DECODER, "", "websocket", "jpeg"),
        (NO_SOCKET, "", "http", None),
    ],
    ids=["usual", "jpeg", "no WebCodecs", "no WebSocket"],
)
def test_the_picture_moves_by_every_way_that_a_browser_may_need(
    visit, script, query, transport, codec
):
    figures = painted(visit(script=script, query=query), 24)
    assert figures["transport"] == transport
    assert codec is None or figures["codec"] == codec
    assert (
        abs(figures["stages"]["A/V offset"]["p50_ms"]) <= 250
    )  # the bench measures it; here only: not seconds apart


def test_speech_is_heard_and_an_interruption_ends_it(visit):
    page = visit()
    painted(page, 12)
    page.click("[data-sample]")
    page.wait_for_function(
        "() => window.flowactSession.summary().stages['asked to first frame with voice']"
    )
    page.keyboard.press("Escape")
    page.wait_for_function("() => window.flowactSession.summary().stages['interrupt to silence']")
    before = page.evaluate("window.flowactSession.summary().frames_painted")
    painted(page, before + 12)


def test_the_page_is_usable_on_a_phone_without_scrolling_sideways(visit):
    page = visit()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement !== document.body")
