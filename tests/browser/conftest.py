"""One Chromium for each file of browser tests, one server for all tests of the live page."""

from __future__ import annotations

import contextlib
import time

import pytest

from flowact.bench.chromium import chromium, visiting
from flowact.bench.server import serving
from flowact.errors import UserError
from tests.tiny_assets import write_assets


@pytest.fixture(scope="module")
def browser():
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(chromium())
        except UserError as missing:
            pytest.skip(str(missing))
        yield found


@pytest.fixture(scope="package")
def assets(tmp_path_factory):
    return write_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="package")
def server(assets):
    environment = {"FLOWACT_ASSETS": str(assets)}
    with serving("--threads", "1", "--spare", "no", environment=environment) as running:
        yield running


@pytest.fixture
def visit(browser, server):
    sessions = []

    def begin(script: str = "", query: str = "", address: str = "", start: bool = True):
        context = visiting(browser, (address or server.address) + query, script)
        sessions.append(context)
        visitor = context.__enter__()
        if start:
            visitor.start()
        return visitor

    yield begin
    for context in sessions:
        context.__exit__(None, None, None)
    nobody_is_left(server)


def nobody_is_left(server) -> None:
    limit = time.monotonic() + 60
    while server.health()["sessions"] and time.monotonic() < limit:
        time.sleep(0.2)
    assert server.health()["sessions"] == 0
