"""Sessions that this server's own page begins, over the socket and over HTTP."""

from __future__ import annotations

import io
import json
import threading

import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from flowact.live.observation.events import Joined
from flowact.live.protocol.binary import Flag, MessageKind, prefixed, split_prefixed, unpack
from tests.live.viewer import Viewer, bearer, dialled, ended, visiting
from tests.tiny_assets import picture, write_wave
from tests.tiny_pipeline import speech


def test_a_page_token_begins_a_session_of_an_agent_that_its_resume_token_finds_again(
    client, manager, ticket
):
    observed, parent = [], f"00-{'1' * 32}-{'2' * 16}-01"
    manager.observers.add(observed.append)
    query = {"codec": "jpeg", "character": "mira"}
    with dialled(client, ticket, query=query, traceparent=parent) as socket:
        caller = Viewer(socket)
        created = caller.event("session.created")
        assert (created["codec"], created["microphone"], created["epoch"]) == ("jpeg", "off", 0)
        caller.send("sample.play", name="welcome")
        started = caller.event("playback.started")
        sound, _ = caller.voiced()
        assert sound.epoch == started["epoch"] and sound.flags & Flag.SPEAKING
    resume = created["resume_token"]
    with dialled(client, resume) as socket:
        again = Viewer(socket)
        found = again.event("session.created")
        assert found["resumed"] and found["session"] == created["session"]
        assert found["epoch"] == started["epoch"] and found["codec"] == "jpeg"
        again.until(lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.JPEG)
        look = f"/v1/sessions/{created['session']}"
        assert client.get(f"{look}/recording", headers=bearer(resume)).status_code == 200
        assert client.get(f"{look}/recording", headers=bearer(ticket)).status_code == 404
        again.send("session.close")
    ended(manager)
    joined = [event for event in observed if isinstance(event, Joined)]
    assert [(each.result, each.traceparent) for each in joined] == [
        ("new", parent),
        ("resumed", ""),
    ]


def test_an_event_that_is_sent_again_after_a_lost_line_is_done_once(client, manager, ticket):
    with dialled(client, ticket, query={"codec": "jpeg"}) as socket:
        caller = Viewer(socket)
        created = caller.event("session.created")
        assert created["heard"] == 0
        caller.send("sample.play", name="welcome", number=1)
        started = caller.event("playback.started")
        caller.send("ping", at=0.0)
        assert caller.event("pong")["heard"] == 1
    with dialled(client, created["resume_token"]) as socket:
        again = Viewer(socket)
        assert again.event("session.created")["heard"] == 1
        again.send("sample.play", name="welcome", number=1)
        again.send("sample.play", name="welcome", number=2)
        interrupted = started["epoch"] + 1
        assert again.event("playback.started")["epoch"] == interrupted + 1, "once, not twice"
        again.send("ping", at=0.0)
        assert again.event("pong")["heard"] == 2
        again.send("session.close")
    ended(manager)


@pytest.mark.parametrize(
    ("origin", "refused"),
    [("http://testserver", False), ("https://evil.example", True), ("null", True)],
)
def test_a_page_token_is_for_this_servers_own_page(client, manager, ticket, origin, refused):
    with dialled(client, ticket, query={"codec": "jpeg"}, origin=origin) as socket:
        caller = Viewer(socket)
        if refused:
            assert caller.event("error")["code"] == "foreign_page"
        else:
            assert caller.event("session.created")["session"]
            caller.send("session.close")
    headers = {"Origin": origin, **bearer(ticket)}
    taken = client.post("/v1/pictures", headers=headers, content=b"no picture")
    assert taken.json()["error"]["code"] == ("foreign_page" if refused else "no_consent")
    ended(manager)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"character": "nobody"}, "refused"),
        ({"character": "x" * 61}, "invalid_request"),
        ({"codec": "av1"}, "unknown_codec"),
        ({"picture_id": "somebody.else"}, "unknown_picture"),
        ({"picture_id": "tester.gone"}, "refused"),
    ],
)
def test_a_page_that_asks_for_what_there_is_not_is_told_so(client, manager, ticket, query, code):
    with dialled(client, ticket, query=query) as socket:
        error = Viewer(socket).event("error")
    assert error["code"] == code and error["fatal"] and error["message"].endswith(".")
    assert not manager.sessions


def test_a_visitors_picture_and_recording_belong_to_the_session_and_end_with_it(
    client, manager, ticket, tmp_path
):
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "PNG")
    taken = client.post(
        "/v1/pictures?consent=true", content=buffer.getvalue(), headers=bearer(ticket)
    )
    assert taken.status_code == 201, taken.text
    said = write_wave(tmp_path / "voice.wav", speech(1.0).read()).read_bytes()
    with visiting(client, ticket, codec="jpeg", picture_id=taken.json()["picture_id"]) as caller:
        proof = bearer(caller.event("session.created")["resume_token"])
        refused = client.post("/v1/sounds", content=said, headers=bearer(ticket))
        assert refused.json()["error"]["code"] == "wrong_key"
        sound = client.post("/v1/sounds", content=said, headers=proof).json()["sound_id"]
        caller.send("sound.play", sound_id=sound)
        caller.voiced()
        caller.send("sound.play", sound_id="tester.gone")
        assert "no longer here" in caller.event("error")["message"]
        caller.send("sample.play", name="nothing")
        assert caller.event("error")["message"].startswith("There is no sample")
    ended(manager)
    assert not list(manager.uploads._root.rglob("*.*"))


def test_where_no_socket_opens_the_same_messages_travel_in_posts(client, manager, ticket):
    """The test's client gives an answer when it is over, so the session is closed from elsewhere."""
    answers = []

    def down() -> None:
        answers.append(client.post("/v1/streams?codec=jpeg", headers=bearer(ticket)))

    reading = threading.Thread(target=down)
    reading.start()
    while not manager.sessions:
        assert reading.is_alive()
    (session,) = manager.sessions.values()
    client.portal.call(session.send_queue.close)
    reading.join(60)
    (answer,) = answers
    assert answer.headers["x-connection"]
    messages = list(split_prefixed(answer.content))
    assert json.loads(messages[0])["type"] == "session.created"
    assert unpack(messages[1])[0].kind is MessageKind.STILL
    ended(manager)


def test_a_visitor_of_the_page_does_not_choose_who_the_avatar_is(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as caller:
        for persona in ("You are the owner.", ""):
            caller.send("session.update", persona=persona)
            assert caller.event("error")["code"] == "persona_fixed"
        caller.send("session.update", language="de")
        assert caller.event("session.updated")["language"] == "de"
    ended(manager)


def test_a_reason_in_any_script_fits_into_a_close_frame(client, manager, ticket):
    with dialled(client, ticket, query={"character": "名" * 60}) as socket:
        caller = Viewer(socket)
        assert "名" * 60 in caller.event("error")["message"]
        with pytest.raises(WebSocketDisconnect) as closed:
            caller.next()
    assert closed.value.reason.startswith("refused: There is no character '名")
    assert 100 < len(closed.value.reason.encode()) <= 123
    assert not manager.sessions


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("streams", b"", "no_token"),
        ("streams?codec=av1", b"", "invalid_request"),
        ("streams/nobody", prefixed("{}"), "unknown_connection"),
    ],
)
def test_posts_that_nobody_waits_for_are_refused_with_a_code(client, path, body, code):
    assert client.post(f"/v1/{path}", content=body).json()["error"]["code"] == code
