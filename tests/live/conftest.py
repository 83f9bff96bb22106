"""A live application with tiny weights and its worker process, shared by a whole run."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from flowact.live.server.application import create_app
from flowact.live.settings import LiveSettings
from tests.live.viewer import wait_until_ready
from tests.tiny_assets import write_assets

KEY = "a-key-for-tests"


@pytest.fixture(scope="session")
def assets_folder(tmp_path_factory):
    return write_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="session")
def client(assets_folder):
    patch = pytest.MonkeyPatch()
    patch.setenv("FLOWACT_ASSETS", str(assets_folder))
    settings = LiveSettings(threads=1, sessions=2, spare=False, api_keys=(KEY,), operations_port=0)
    with TestClient(create_app(settings)) as made:
        wait_until_ready(made)
        patch.undo()  # the server lives on while other folders' tests want the real assets
        yield made


@pytest.fixture(autouse=True)
def _tiny_assets(monkeypatch, assets_folder):
    monkeypatch.setenv("FLOWACT_ASSETS", str(assets_folder))


@pytest.fixture
def manager(client):
    return client.app.state.manager


@pytest.fixture
def ticket(manager):
    return manager.tickets.issue("visit", "tester")
