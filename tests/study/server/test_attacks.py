"""What an attacker tried on a lab's study: every door but the participant's own stays shut."""

import pytest
from fastapi.testclient import TestClient

from study.server.app import create_app
from tests.study.tiny import SYSTEMS, Clock, open_at, take_part


@pytest.fixture(scope="module")
def door(built, tmp_path_factory):
    """The whole application with pages, and somebody's votes in it."""
    context = open_at(built, tmp_path_factory.mktemp("attacks"), Clock())
    with TestClient(create_app(context), follow_redirects=False) as client:
        take_part(client, context)
        yield client


OUT = (
    "..%2f..%2fstudy.yaml",
    "%2e%2e%2findex.json",
    "..%5cstudy.db",
    "%00",
    "study.db",
    "index.json",
)


@pytest.mark.parametrize("room", ["page", "media", "static", "assets", "svelte", "page/.."])
def test_no_path_leads_out_of_a_folder(door, room):
    for way in OUT:
        reply = door.get(f"/{room}/{way}")
        assert reply.status_code in (400, 403, 404), f"{room}/{way} answered {reply.status_code}"
        assert not any(name in reply.text for name in (*SYSTEMS, "candidate"))


@pytest.mark.parametrize(
    "path",
    [
        *(
            "heartbeat/x",
            "queue/data?session_hash=x",
            "call/predict/x",
            "upload_progress?upload_id=x",
        ),
        *(
            "file=/etc/passwd",
            "file/etc/passwd",
            "proxy=http://127.0.0.1:1/",
            "stream/x/1/2/playlist.m3u8",
        ),
        *("openapi.json", "info", "runs", "app_id", "user", "token", "login_check", "deep_link"),
    ],
)
def test_gradios_interface_gives_nothing_and_holds_no_connection(door, path):
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        assert door.request(method, f"/gradio_api/{path}").status_code == 404


def test_what_the_page_loads_is_there_and_nothing_lists_the_routes(door):
    for path in (
        "",
        "page/options",
        "page/main.js",
        "config",
        "theme.css",
        "gradio_api/startup-events",
    ):
        assert door.get(f"/{path}").status_code == 200, path
    for path in ("openapi.json", "docs", "redoc", "monitoring", "monitoring/summary"):
        assert door.get(f"/{path}").status_code == 404, path


@pytest.mark.parametrize(
    "text", ["' OR '1'='1", "x'; DROP TABLE votes; --", "=HYPERLINK(1)", "+1", "@a"]
)
def test_ids_are_no_sql_and_no_formulas(door, text):
    recruited = {"external": {"PROLIFIC_PID": text, "SESSION_ID": text}}
    assert door.post("/api/enter", json=recruited).status_code == 422
    for path in ("state", "next", "withdraw", "sound"):
        assert door.post(f"/api/{path}", json={"participant": text * 3}).status_code == 422
    assert door.get(f"/media/{text}").status_code == 404
    assert door.post("/api/enter", json={}).status_code == 200
