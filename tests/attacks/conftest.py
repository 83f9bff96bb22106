"""One real server with a tiny model for all attacks."""

from __future__ import annotations

import pytest

from flowact.bench.server import serving
from flowact.live.access.tickets import Tickets
from tests.tiny_assets import write_assets

KEY = "attacks"


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    assets = write_assets(tmp_path_factory.mktemp("assets"))
    environment = {"FLOWACT_ASSETS": str(assets), "FLOWACT_TICKET_KEY": KEY}
    flags = ("--threads", "1", "--spare", "no", "--sessions", "2")
    with serving(*flags, environment=environment) as running:
        yield running


@pytest.fixture(scope="session")
def ticket():
    return Tickets(KEY.encode()).issue("visit", "attacker")
