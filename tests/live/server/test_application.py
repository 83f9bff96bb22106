"""The whole application as `flowact live` puts it together, without its worker."""

import pytest
from fastapi.testclient import TestClient

from flowact.commands.live import create_application
from flowact.live.settings import LiveSettings


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
