"""What is published about the interface is what the server does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from flowact.live.api import asyncapi
from flowact.live.server.application import create_app
from flowact.live.settings import LiveSettings

PUBLISHED = Path(__file__).parents[3] / "docs" / "api"
PAGE = "https://shop.example.org"


@pytest.fixture
def closed(_tiny_assets):
    """A server without keys, which pages of one other origin may use; its worker is not started."""
    return TestClient(create_app(LiveSettings(origins=(PAGE,))))


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json"])
def test_the_published_files_are_what_the_server_says(client, name):
    published = json.loads((PUBLISHED / name).read_text())
    assert client.get(f"/v1/{name}").json() == published, (
        "python docs/write_api.py writes them anew"
    )


def test_every_route_of_the_document_answers_and_no_other_does(client):
    document = client.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1") and document["servers"] == [{"url": "/v1"}]
    for path, methods in document["paths"].items():
        for method in methods:
            there = re.sub(r"\{\w+\}", "x", path)
            answer = client.request(method, f"/v1{there}")
            assert answer.status_code in (200, 401, 404)
            if answer.status_code != 200:  # a refusal of ours, not of a route that is missing
                codes = ("no_key", "no_token", "unknown_session", "unknown_connection")
                assert answer.json()["error"]["code"] in codes
    assert client.get("/v1/nothing").json()["error"]["code"] == "not_found"
    assert client.get("/openapi.json").json() == document


def test_every_event_of_the_code_is_described(client):
    document = client.get("/v1/asyncapi.json").json()
    names = {asyncapi.name_of(m) for m in (*asyncapi.client_events(), *asyncapi.server_events())}
    assert document["components"]["messages"].keys() == names | {"media", "audio.append"}
    references = json.dumps(document).split('"$ref": "#/')[1:]
    for reference in references:
        at = document
        for part in reference.partition('"')[0].split("/"):
            at = at[part]


def test_who_can_be_shown_and_whether_the_server_is_well(client):
    (mira,) = client.get("/v1/characters").json()
    assert mira == {"name": "mira", "title": "Mira", "default": True}
    assert isinstance(client.get("/v1/voices").json(), list)
    health = client.get("/v1/health").json()
    assert health["ready"] and health["problem"] is None and health["places"] == 2


def test_without_keys_nobody_makes_sessions(closed):
    answer = closed.post("/v1/sessions", json={}, headers={"Authorization": "Bearer "})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "api_disabled")


def test_pages_of_the_owners_origins_may_call_and_others_may_not(closed):
    ask = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    allowed = closed.options("/v1/sessions", headers={"Origin": PAGE, **ask})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == PAGE
    module = closed.get("/live/static/framing.js", headers={"Origin": PAGE})
    assert module.headers["access-control-allow-origin"] == PAGE
    assert module.headers["access-control-expose-headers"] == "X-Connection"
    other = closed.options("/v1/sessions", headers={"Origin": "https://evil.example", **ask})
    assert "access-control-allow-origin" not in other.headers
