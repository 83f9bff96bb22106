"""The whole application as `flowact live` puts it together, without its worker."""

import pytest
from fastapi.testclient import TestClient

from flowact.commands.live import create_application
from flowact.live.endpoints import Endpoint, Endpoints
from flowact.live.server.about import about, model_card
from flowact.live.settings import LiveSettings

FAR = Endpoint("https://api.example.com/v1", "secret", "m")


@pytest.fixture(scope="module")
def stranger(assets_folder, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("FLOWACT_ASSETS", str(assets_folder))
    settings = LiveSettings(state=tmp_path_factory.mktemp("state"), sample_study=False)
    yield TestClient(create_application(settings))
    patch.undo()


def test_the_page_is_served(stranger):
    assert stranger.get("/").status_code == 200
    assert stranger.get("/about").status_code == 200
    assert stranger.get("/about/").url.path == "/about"


def test_the_about_page_says_whose_servers_hear_and_answer(monkeypatch):
    own = Endpoint("http://10.0.0.5/v1", "", "m")
    page = about([("Live", "./"), ("About", "about")], Endpoints(hearing=own, answering=FAR))
    assert "written down by a server of the owner of this page" in page
    assert "answered by api.example.com, under its own terms" in page
    assert "spoken on this server itself" in page and "secret" not in page
    monkeypatch.delenv("FLOWACT_ASSETS")
    assert "<table>" in model_card() and "<script" not in model_card()


@pytest.mark.parametrize("path", ["upload", "upload/", "process_recording"])
def test_gradio_takes_no_files_from_strangers(stranger, path):
    files = {"files": ("a.bin", b"abc")}
    assert stranger.post(f"/gradio_api/{path}", files=files).status_code == 404


def test_gradio_reads_no_large_request(stranger):
    content = b'{"data": "' + b"x" * 100_000 + b'"}'
    for path in ("queue/join", "component_server", "run/predict"):
        assert stranger.post(f"/gradio_api/{path}", content=content).status_code == 413


def test_no_sample_study_where_it_is_not_wanted(stranger):
    assert stranger.get("/study/").status_code == 404
