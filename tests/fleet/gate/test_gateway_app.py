"""The gateway's pages, tickets and answers to the edge, without Ray."""

import subprocess
import sys

import pytest
from fastapi.testclient import TestClient

from flowact.fleet.gate.fleet_places import FleetPlaces
from flowact.fleet.gate.gateway_app import gateway_app
from flowact.fleet.replica.replica_address import SERVER
from flowact.live.session.manager import SessionManager
from flowact.live.settings import LiveSettings
from tests.fleet.gate.test_fleet_places import MANY, Seats


@pytest.fixture
def gateway():
    manager = SessionManager(LiveSettings(ticket_key="shared"))
    seats = {"default": Seats(1), "large": Seats(1)}
    places = FleetPlaces(seats, manager.tickets, MANY)
    with TestClient(gateway_app(manager, places, "127.0.0.1")) as client:
        client.manager = manager
        yield client
    manager.uploads.close()


def test_the_page_is_a_document_of_its_own_with_a_choice_of_models(gateway):
    page = gateway.get("/").text
    assert page.startswith("<!doctype html>") and 'data-places="yes"' in page
    assert "<option>default</option><option>large</option>" in page and "$" not in page
    assert gateway.get("/about").status_code == 200
    assert gateway.get("/live/static/ticket.js").status_code == 200


def test_whoever_sees_the_page_gets_a_ticket_and_a_place(gateway):
    token = gateway.post("/live/ticket").text
    assert gateway.manager.tickets.check(token, "visit")
    asked = {"token": token, "preset": "large"}
    assert gateway.post("/live/place", json=asked).json()["path"] == "r/one/v1"
    unknown = gateway.post("/live/place", json={"token": token, "preset": "huge"})
    assert unknown.status_code == 400 and "there are: default, large" in unknown.json()["error"]


def test_pages_of_others_get_no_ticket(gateway):
    refused = gateway.post("/live/ticket", headers={"Origin": "https://elsewhere.example"})
    assert refused.status_code == 400 and "--origins" in refused.json()["error"]


def test_the_edge_is_told_the_address_that_a_server_has_signed_and_no_other(gateway):
    signed = gateway.manager.tickets.issue(SERVER, "10.0.0.3:41234")
    answer = gateway.get(f"/fleet/where/{signed}")
    assert answer.status_code == 204 and answer.headers["X-Replica"] == "10.0.0.3:41234"
    for other in ("10.0.0.3:41234", gateway.manager.tickets.issue("visit", "10.0.0.3:41234")):
        assert gateway.get(f"/fleet/where/{other}").status_code == 403


def test_neither_a_gateway_nor_a_server_imports_what_only_a_model_needs():
    program = "import sys, flowact.fleet.application; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "gradio", "transformers", "diffusers", "numba"}
    assert not heavy & set(told.stdout.split())
