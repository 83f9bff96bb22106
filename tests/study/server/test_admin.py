"""Strangers get 401 or 404 on every administration address; operators see no system before the end."""

import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import select

from study.analysis.dataset import read
from study.database.models import AdminSession
from study.server import admin_auth, admin_routes, admin_view, api, exports
from study.server.app import create_app
from study.server.overview import overview, traffic
from study.voting import lifecycle
from tests.study.tiny import SYSTEMS, api_client, open_at, take_part

WORD = "correct horse battery"


@pytest.fixture(scope="module")
def running(built, tmp_path_factory):
    """The whole application with pages, one finished participant in it."""
    from tests.study.tiny import Clock

    context = open_at(built, tmp_path_factory.mktemp("admin"), Clock())
    with TestClient(create_app(context)) as client:
        take_part(client, context)
        yield client, context


@pytest.fixture
def stranger(running):
    running[0].cookies.clear()
    return running[0]


@pytest.fixture
def operator(running, monkeypatch):
    client, _ = running
    client.cookies.clear()
    monkeypatch.setenv(admin_auth.PASSWORD, WORD)
    reply = client.post("/admin/login", data={"password": WORD}, follow_redirects=False)
    assert reply.status_code == 303
    yield client
    client.cookies.clear()


def paths_of(app) -> set[str]:
    """Paths of an application, those of included routers too."""
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    for route in app.routes:
        if hasattr(route, "effective_route_contexts"):
            paths |= {part.path for part in route.effective_route_contexts()}
    return paths


def addresses(app) -> set[str]:
    """Every path that the administration's Gradio app and our own routes answer to."""
    paths = {"/admin", "/admin/", "/admin/logout", "/admin/anything", "/admin//config"}
    paths |= {f"/admin/export/{name}" for name in [*exports.NAMES, "other"]}
    for route in app.routes:
        if getattr(route, "path", "") == "/admin":
            paths |= {"/admin" + re.sub(r"\{[^}]*\}", "x", path) for path in paths_of(route.app)}
    return paths


def test_strangers_are_refused_everywhere(stranger):
    paths = addresses(stranger.app)
    assert {
        "/admin/config",
        "/admin/gradio_api/queue/join",
        "/admin/gradio_api/queue/data",
    } <= paths
    for path in sorted(paths - {"/admin/login"}):  # the form to sign in by
        for method in ("GET", "POST", "HEAD", "PUT", "DELETE"):
            reply = stranger.request(method, path, follow_redirects=False)
            assert reply.status_code in (401, 404), f"{method} {path} answered {reply.status_code}"
            assert not any(name in reply.text for name in SYSTEMS)


def test_a_made_up_cookie_opens_nothing(stranger):
    stranger.cookies.set(admin_auth.COOKIE, "x" * 22)
    assert stranger.get("/admin/config").status_code == 401


@pytest.mark.parametrize("cookie", ["a=b; {} = x", '=; "', "other[]=1; x y=2", "\xff=1"])
def test_foreign_cookies_neither_break_nor_lock_out(operator, cookie):
    own = operator.cookies[admin_auth.COOKIE]
    operator.cookies.clear()
    header = cookie.encode("latin-1")
    strange = operator.get("/admin/config", headers={"Cookie": header})
    assert strange.status_code == 401
    both = f"{admin_auth.COOKIE}={own}; ".encode() + header
    assert operator.get("/admin/config", headers={"Cookie": both}).status_code == 200


def test_the_cookie_is_secure_behind_a_trusted_proxy(built, tmp_path, clock, monkeypatch):
    monkeypatch.setenv(admin_auth.PASSWORD, WORD)

    def cookie(**server: object) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        context = open_at(built, folder, clock, server=server)
        app = FastAPI()
        app.include_router(admin_routes.router(context, ""))
        client = TestClient(app, follow_redirects=False)
        forwarded = {"X-Forwarded-Proto": "https"}
        reply = client.post("/admin/login", data={"password": WORD}, headers=forwarded)
        return reply.headers["set-cookie"]

    assert "Secure" in cookie(trusted_proxies=["testclient"])
    assert "Secure" in cookie(https=True)
    assert "Secure" not in cookie()


def test_strangers_cannot_lock_the_operator_out(built, tmp_path, clock, monkeypatch):
    monkeypatch.setenv(admin_auth.PASSWORD, WORD)
    monkeypatch.setattr(admin_auth, "_matches", lambda password: password == WORD)
    context = open_at(built, tmp_path, clock)
    for number in range(60):
        assert admin_auth.sign_in(context, "a guess", f"198.51.100.{number}") is None
    assert admin_auth.sign_in(context, WORD, "203.0.113.1") is not None


def test_a_password_that_is_refused_is_not_repeated(stranger):
    reply = stranger.post("/admin/login", data={"password": "x" * 1001})
    assert reply.status_code == 422
    assert "xxx" not in reply.text


def test_nothing_can_be_uploaded_and_no_request_is_large(stranger):
    recording = {"files": ("a.bin", b"abc")}
    for path in ("upload", "upload/", "process_recording", "queue/join", "run/predict"):
        assert stranger.post(f"/gradio_api/{path}", files=recording).status_code == 404
    assert stranger.post("/admin/gradio_api/upload", files=recording).status_code == 401
    big = b'{"participant": "' + b"x" * 70_000 + b'"}'
    assert stranger.post("/api/next", content=big).status_code == 413
    assert stranger.post("/api/next", content=iter([big[:40_000], big[40_000:]])).status_code == 413
    assert stranger.post("/gradio_api/queue/join", content=big).status_code == 413


def test_without_a_configured_password_nobody_signs_in(stranger, monkeypatch):
    monkeypatch.delenv(admin_auth.PASSWORD, raising=False)
    for guess in ("", "admin", "no password is configured"):
        assert stranger.post("/admin/login", data={"password": guess}).status_code == 401


def test_an_operator_gets_page_config_and_queue(operator):
    assert "gradio" in operator.get("/admin/").text
    assert operator.get("/admin/config").status_code == 200


def test_public_config_knows_nothing_of_the_administration(stranger):
    assert stranger.get("/config").status_code == 200
    assert "Exclude from" not in stranger.get("/config").text
    assert stranger.get("/gradio_api/file=/etc/passwd").status_code in (403, 404)


def test_wrong_passwords_lock_out(built, tmp_path, clock, monkeypatch):
    monkeypatch.setenv(admin_auth.PASSWORD, WORD)
    context = open_at(built, tmp_path, clock)
    app = FastAPI()
    api.install_refusals(app.add_exception_handler)
    app.include_router(admin_routes.router(context, ""))
    client = TestClient(app, follow_redirects=False)
    codes = [client.post("/admin/login", data={"password": "wrong"}).status_code for _ in range(5)]
    assert codes == [401] * 5
    assert client.post("/admin/login", data={"password": WORD}).status_code == 429
    clock.pass_time(16 * 60)
    for _ in range(7):  # signing in often is no attack
        assert client.post("/admin/login", data={"password": WORD}).status_code == 303


def test_a_session_ends_with_time_and_by_signing_out(built, tmp_path, clock, monkeypatch):
    monkeypatch.setenv(admin_auth.PASSWORD, WORD)
    context = open_at(built, tmp_path, clock)
    token = admin_auth.sign_in(context, WORD, "here")
    assert admin_auth.signed_in(context, token)
    with context.store.read() as session:
        assert token not in [row.token_hash for row in session.scalars(select(AdminSession))]
    clock.pass_time(3600 * admin_auth.HOURS + 1)
    assert not admin_auth.signed_in(context, token)
    again = admin_auth.sign_in(context, WORD, "here")
    admin_auth.sign_out(context, again)
    assert not admin_auth.signed_in(context, again)


def test_a_short_password_is_refused(monkeypatch):
    monkeypatch.setenv(admin_auth.PASSWORD, "short")
    with pytest.raises(Exception, match="expected at least 10"):
        admin_auth.expected_hash()


def test_results_stay_hidden_until_the_end(operator, running):
    _, context = running
    assert operator.get("/admin/export/votes.csv").status_code == 409
    lifecycle.set_state(context.store, "closed", context.clock())
    table = operator.get("/admin/export/votes.csv")
    assert table.status_code == 200
    assert "oursystem" in table.text
    assert operator.get("/admin/export/other").status_code == 404


def test_the_overview_names_no_system(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock)
    take_part(api_client(context), context)
    seen = overview(context, read(context))
    assert sum(seen.coverage.values()) == 6
    assert {row for row, _ in seen.coverage} == {"Comparison A", "Comparison B"}
    assert not any(name in repr(seen) for name in SYSTEMS)


def test_the_overview_counts_votes_that_are_used_and_minutes(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock)
    start = clock()
    take_part(api_client(context), context, "same")
    seen = overview(context, read(context))
    (person,) = seen.people
    assert 0 < person.used < person.votes
    assert seen.minutes == person.minutes == pytest.approx((clock() - start) / 60, abs=0.01)


def test_an_operator_is_told_of_networks_that_let_nobody_else_in(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, limits={"enrolments_per_hour": 2})
    client = api_client(context)
    alarms = []
    for _ in range(2):
        assert client.post("/api/enter", json={}).status_code == 200
        alarms.append(
            "Nobody else there"
            in admin_view.now(overview(context, read(context)), traffic(context))
        )
    assert alarms == [False, True]
    clock.pass_time(3600)
    assert traffic(context).shut == 0


def test_seeing_results_early_is_recorded(built, tmp_path, clock):
    context = open_at(
        built, tmp_path, clock, analysis={"resamples": 400, "reveal_before_close": True}
    )
    take_part(api_client(context), context)
    dataset = exports.open_data(context)
    assert dataset.meta["revealed_at"] is not None
    assert dataset.entries[-1].kind == "revealed"
