"""Two servers behind one store: a session goes from one to the other, planned or not, and is never at both."""

import io
import time

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from flowact.live.access.places import Place
from flowact.live.api.credentials import RESUME
from flowact.live.protocol.binary import MessageKind
from flowact.live.server.application import create_app
from flowact.live.session.session import sample
from flowact.live.settings import LiveSettings
from flowact.media import Recording
from flowact.serving.audio_source import to_pcm16
from tests.live.viewer import Viewer, bearer, dialled, ended, visiting, wait_until_ready
from tests.tiny_assets import picture

PATIENCE = 60


@pytest.fixture(scope="module")
def servers(assets_folder, redis_server):
    patch = pytest.MonkeyPatch()
    patch.setenv("FLOWACT_ASSETS", str(assets_folder))
    settings = LiveSettings(
        threads=1, sessions=1, spare=False, store=redis_server.url, ticket_key="shared"
    )
    with TestClient(create_app(settings)) as one:
        wait_until_ready(one)
        with TestClient(create_app(settings)) as two:
            wait_until_ready(two)
            patch.undo()
            yield one, two


@pytest.fixture(autouse=True)
def _rested(servers):
    yield
    for server in servers:
        server.app.state.manager.moves.draining = False
        ended(server.app.state.manager)


def manager(server):
    return server.app.state.manager


def ticket(server) -> str:
    return manager(server).tickets.issue("visit", "tester")


def sounds(viewer, epoch: int):
    media = (m for m in viewer.seen if isinstance(m, tuple) and m[0].kind is MessageKind.SOUND)
    return [(header.media_ms, body) for header, body in media if header.epoch == epoch]


def wait_for(condition) -> None:
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


def test_a_drained_server_gives_its_sessions_to_another_in_the_middle_of_a_word(servers):
    here, there = servers
    with dialled(here, ticket(here), query={"codec": "jpeg"}) as socket:
        viewer = Viewer(socket)
        resume = viewer.event("session.created")["resume_token"]
        viewer.media(MessageKind.JPEG)
        viewer.send("sample.play", name="welcome")
        epoch = viewer.event("playback.started")["epoch"]
        viewer.media(MessageKind.SOUND, epoch=epoch)
        here.portal.call(manager(here).drain)
        viewer.event("session.moved")
        with pytest.raises(
            WebSocketDisconnect
        ):  # what was made before comes after it, and then the end
            viewer.until(lambda _: False)
    assert not manager(here).sessions
    with visiting(there, resume) as again:
        welcome = again.event("session.created")
        assert welcome["resumed"] and welcome["epoch"] == epoch
        again.event("playback.finished")
    spoken = sounds(viewer, epoch) + sounds(again, epoch)
    said = b"".join(body for _, body in spoken)
    assert said.startswith(to_pcm16(Recording.open(sample("welcome")).read()))
    times = [round(at) for at, _ in spoken]
    assert times == list(range(times[0], times[0] + 160 * len(times), 160))


def test_one_session_moves_to_a_place_that_its_page_is_told_of(servers):
    here, _ = servers
    with dialled(here, ticket(here), query={"codec": "jpeg"}) as socket:
        viewer = Viewer(socket)
        name = viewer.event("session.created")["session"]
        viewer.media(MessageKind.JPEG)
        place = Place("r/there/v1", "a ticket")
        assert here.portal.call(manager(here).move, name, place)
        assert not here.portal.call(manager(here).move, name, place), "it is on its way"
        moved = viewer.event("session.moved")
        assert (moved["path"], moved["ticket"]) == (place.path, place.ticket)
    wait_for(lambda: not manager(here).sessions)
    assert not here.portal.call(manager(here).move, name, place), "it is over"


def test_a_server_that_is_drained_sends_new_visitors_elsewhere(servers):
    here, _ = servers
    manager(here).moves.draining = True
    with (
        pytest.raises(WebSocketDisconnect),
        dialled(here, ticket(here)) as socket,
    ):
        socket.receive_text()
    assert here.post("/v1/streams").status_code == 503


def own_picture(server) -> str:
    body = io.BytesIO()
    Image.fromarray(picture()).save(body, "PNG")
    answer = server.post(
        "/v1/pictures?consent=true", content=body.getvalue(), headers=bearer(ticket(server))
    )
    return answer.json()["picture_id"]


@pytest.mark.parametrize("own", [False, True], ids=["a character", "one's own picture"])
def test_a_session_whose_server_is_silent_goes_on_elsewhere_and_ends_there(
    servers, redis_server, own
):
    here, there = servers
    query = {"codec": "jpeg", **({"picture_id": own_picture(here)} if own else {})}
    with dialled(here, ticket(here), query=query) as socket:
        viewer = Viewer(socket)
        welcome = viewer.event("session.created")
        key = f"flowact:session:{welcome['session']}"
        viewer.until(lambda _: redis_server.client().exists(key))
        shared = redis_server.client().exists(key.replace("session", "picture"))
        assert shared == own, "every server has a character's"
        with visiting(there, welcome["resume_token"]) as again:
            unlike = {"resume_token": "", "resumed": True}
            assert again.event("session.created") | unlike == welcome | unlike
            assert again.seen[0]["resumed"]
            header, _ = again.media(MessageKind.JPEG)
            assert header.media_ms > 0, "it goes on and does not begin anew"
            wait_for(lambda: not manager(here).sessions)
            assert list(manager(there).sessions) == [welcome["session"]], "never at two servers"
            again.send("session.close")
            wait_for(lambda: not redis_server.client().exists(key))


def test_a_session_that_is_kept_nowhere_is_over_and_its_page_begins_another(servers):
    here, _ = servers
    lost = manager(here).tickets.issue(RESUME, "gone")
    with dialled(here, lost) as socket:
        assert Viewer(socket).event("error")["code"] == "unknown_session"
    with visiting(here, ticket(here), codec="jpeg") as viewer:
        assert not viewer.event("session.created")["resumed"], "the place was given back"


def test_without_the_store_nobody_is_refused_and_nothing_stands_still(servers, redis_server):
    here, _ = servers
    redis_server.kill()
    try:
        with visiting(here, ticket(here), codec="jpeg") as viewer:
            viewer.event("session.created")
            viewer.until(lambda m: isinstance(m, tuple) and m[0].media_ms > 2500)
    finally:
        redis_server.start()
