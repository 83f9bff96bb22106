"""`<flowact-avatar>` on a page of another origin, and the stage alone, in a real Chromium."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import shutil
import subprocess
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from flowact.bench.server import serving
from flowact.live.api import asyncapi
from tests.tiny_assets import write_assets

KEY = "of-the-shop"
WEB = Path(__file__).parents[2] / "web"
PATIENCE_MS = 120_000
PAGE = """<!doctype html><title>A shop</title>
<script type="module" src="SERVERlive/static/avatar-element.js"></script>
<flowact-avatar server="SERVER" token="TOKEN" label="Talk"></flowact-avatar>
<script>
  const avatar = document.querySelector("flowact-avatar");
  window.told = [];
  for (const name of ["session.created", "playback.started", "playback.finished", "painted", "error"])
    avatar.addEventListener(name, ({ detail }) => window.told.push({ name, ...detail }));
  window.names = () => new Set(window.told.map(({ name }) => name));
</script>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A folder that another origin serves, and its address."""
    folder = tmp_path_factory.mktemp("shop")
    serve = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=serve.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{serve.server_port}"
    serve.shutdown()


@pytest.fixture(scope="module")
def server(shop, tmp_path_factory):
    assets = write_assets(tmp_path_factory.mktemp("assets"))
    environment = {"FLOWACT_ASSETS": str(assets), "FLOWACT_API_KEYS": KEY}
    flags = ("--threads", "1", "--spare", "no", "--sample-study", "no", "--origins", shop[1])
    with serving(*flags, environment=environment) as running:
        yield running


@pytest.fixture
def page(browser):
    opened = browser.new_page()
    yield opened
    opened.close()


def token(server) -> str:
    asked = httpx.post(
        f"{server.address}v1/sessions", json={}, headers={"Authorization": f"Bearer {KEY}"}
    )
    return asked.raise_for_status().json()["client_token"]


def visit(page, shop, server, client_token: str) -> None:
    folder, address = shop
    text = PAGE.replace("SERVER", server.address).replace("TOKEN", client_token)
    (folder / "index.html").write_text(text)
    page.goto(address)
    page.get_by_role("button", name="Talk").click()


def test_the_element_shows_speaks_and_is_interrupted_on_another_origin(page, shop, server):
    visit(page, shop, server, token(server))
    page.wait_for_function("window.names().has('painted')", timeout=PATIENCE_MS)
    shown = page.evaluate(
        """() => { const canvas = avatar.shadowRoot.querySelector("canvas");
        return new Set(canvas.getContext("2d").getImageData(0, 0, 480, 480).data).size; }"""
    )
    assert shown > 20
    page.evaluate(
        """() => { avatar.push(Int16Array.from({ length: 160000 }, (_, n) => 9000 * Math.sin(n / 9)),
        { itemId: "long" }); }"""
    )
    page.wait_for_function("window.names().has('playback.started')", timeout=PATIENCE_MS)
    page.evaluate("avatar.interrupt()")
    page.wait_for_function("window.names().has('playback.finished')", timeout=PATIENCE_MS)
    over = page.evaluate("window.told.find(({ name }) => name === 'playback.finished')")
    assert over["item_id"] == "long" and over["interrupted"]
    page.evaluate("avatar.remove()")  # an element that is gone leaves no session behind


def test_a_wrong_token_is_said_on_the_element(page, shop, server):
    visit(page, shop, server, "bm9uZQ")
    page.wait_for_function("!avatar.shadowRoot.querySelector('p').hidden", timeout=PATIENCE_MS)
    assert "token" in page.evaluate("avatar.shadowRoot.querySelector('p').textContent")
    assert page.get_by_role("button", name="Talk").is_visible()


def test_the_stage_is_the_picture_alone(page, server):
    page.goto(f"{server.address}stage?sample=welcome")
    button = page.get_by_role("button", name="Start")
    with contextlib.suppress(Exception):  # where sound needs no click there is none
        button.click(timeout=3000)
    page.wait_for_function("window.flowactStage?.painting", timeout=PATIENCE_MS)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert page.locator("body > *:visible").count() == 1


def test_the_package_has_every_module(tmp_path):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    shutil.copytree(WEB, tmp_path / "web")
    (tmp_path / "flowact").symlink_to(WEB.parent / "flowact")
    packed = subprocess.run(
        ["npm", "pack", "--json", "--offline"],
        cwd=tmp_path / "web", capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = {each["path"] for each in json.loads(packed.stdout)[0]["files"]}
    dist = tmp_path / "web" / "dist"
    for module in dist.glob("*.js"):
        for name in re.findall(r'from "\./([\w-]+\.js)"', module.read_text()):
            assert f"dist/{name}" in files, f"{module.name} needs {name}"
    assert {"index.d.ts", "README.md", "dist/speaker-worklet.js"} <= files


@pytest.mark.parametrize("event", asyncapi.server_events(), ids=asyncapi.name_of)
def test_every_field_of_an_event_has_a_type(event):
    types = (WEB / "index.d.ts").read_text()
    name = re.escape(asyncapi.name_of(event))
    (fields,) = re.findall(
        rf'^  "?{name}"?: (\{{.*?\}}|Record[^;]*);', types, re.MULTILINE | re.DOTALL
    )
    assert {"type", *re.findall(r"(\w+): ", fields)} == event.model_fields.keys()
