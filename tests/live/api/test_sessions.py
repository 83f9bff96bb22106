"""Sessions of programs over the real routes, with a real worker behind them."""

from __future__ import annotations

import contextlib
import io
import json
import time

import av
import numpy as np
import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from flowact.live.api.connections import BAD_REQUEST, UNAUTHORISED
from flowact.live.protocol import events
from flowact.live.protocol.binary import Flag, MessageKind
from flowact.serving.audio_source import to_pcm16
from tests.live.conftest import KEY
from tests.live.viewer import PATIENCE, Viewer, dialled, ended
from tests.tiny_assets import picture
from tests.tiny_pipeline import speech

OWNER = {"Authorization": f"Bearer {KEY}"}


def make(client, **spec) -> dict:
    answer = client.post("/v1/sessions", json=spec, headers=OWNER)
    assert answer.status_code == 201, answer.text
    return answer.json()


@contextlib.contextmanager
def joined(client, **spec):
    made = make(client, **spec)
    with dialled(client, made["client_token"]) as socket:
        caller = Viewer(socket)
        caller.created = caller.event("session.created")
        caller.id = made["id"]
        yield caller
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            caller.send("session.close")


def test_a_session_from_its_making_to_its_end(client, manager):
    made = make(client, character="mira", ttl_s=600)
    assert made["protocol"] == "flowact.v1"
    assert made["socket_url"] == "ws://testserver/v1/socket"
    look = f"/v1/sessions/{made['id']}"
    assert client.get(look, headers=OWNER).json()["state"] == "waiting_for_client"
    with dialled(client, made["client_token"]) as socket:
        assert socket.accepted_subprotocol == "flowact.v1"
        caller = Viewer(socket)
        created = caller.event("session.created")
        assert created["session"] == made["id"] and created["limits"]["append_bytes"] == 65_536
        assert client.get(look, headers=OWNER).json()["state"] == "live"
        caller.send("audio.start", item_id="greeting", rate=24_000, text="Hello there!")
        tone = (9000 * np.sin(np.arange(24_000) / 9)).astype("<i2").tobytes()
        for start in range(0, len(tone), 9_000):
            socket.send_bytes(tone[start : start + 9_000])
        caller.send("audio.commit")
        started = caller.event("playback.started")
        assert started["item_id"] == "greeting"
        sound, _ = caller.voiced()
        assert sound.epoch == started["epoch"] and sound.flags & Flag.SPEAKING
        finished = caller.event("playback.finished")
        assert finished["played_ms"] == pytest.approx(1000, abs=4)
        assert finished | {"played_ms": 0} == {
            "type": "playback.finished", "item_id": "greeting", "played_ms": 0, "interrupted": False,
        }  # fmt: skip
        acts = [m for m in caller.seen if isinstance(m, dict) and m["type"] == "action.changed"]
        assert "waving" in [act["behaviour"] for act in acts]
        video = client.get(f"{look}/recording", headers=OWNER)
        with av.open(io.BytesIO(video.content)) as file:
            assert sum(1 for _ in file.decode(video=0)) > 25
        assert client.delete(look, headers=OWNER).status_code == 204
    assert client.get(look, headers=OWNER).json()["error"]["code"] == "unknown_session"
    ended(manager)


def test_an_interruption_says_what_was_heard_and_nothing_old_follows(client, manager):
    with joined(client, codec="jpeg") as caller:
        caller.send("audio.start", item_id="long")
        pcm = to_pcm16(speech(20).read())
        for start in range(0, len(pcm), 32_000):
            caller.socket.send_bytes(pcm[start : start + 32_000])
        metrics = caller.event("metrics")
        assert metrics["item_id"] == "long" and metrics["buffered_ms"] > 1_000
        caller.send("audio.clear")
        finished = caller.event("playback.finished")
        assert finished["interrupted"] and 0 < finished["played_ms"] < 20_000
        flushed = caller.event("playback.flushed")
        header, _ = caller.until(lambda m: isinstance(m, tuple))
        assert header.epoch >= flushed["epoch"]
        caller.socket.send_bytes(pcm[:32_000])  # the session speaks again, under another name
        caller.send("audio.commit")
        assert caller.event("playback.started")["item_id"] not in ("", "long")
        assert not caller.event("playback.finished")["interrupted"]
    ended(manager)


def test_wrong_events_are_coded_errors_and_the_session_lives(client, manager):
    with joined(client, codec="jpeg") as caller:
        two_seconds = to_pcm16(speech(1).read()) * 2
        for message, code in (
            ("hello", "invalid_event"),
            ('{"type": "dance"}', "invalid_event"),
            ('{"type": "ping", "at": "now"}', "invalid_event"),
            ("[" * 5_000, "invalid_event"),
            ("x" * 20_000, "too_large"),
            (b"123", "odd_length"),
            (bytes(events.LONGEST_APPEND + 2), "too_large"),
            (json.dumps({"type": "text.say", "text": "word " * 2_000}), "text_too_long"),
            (json.dumps({"type": "text.say", "text": "a", "voice": "nobody"}), ("unknown_voice", "no_voice")),
            (json.dumps({"type": "text.say", "text": "ひらがなだけで"}), ("unreadable_text", "no_voice")),
            (json.dumps({"type": "action.set", "text": "x" * 200}), "text_too_long"),
            (json.dumps({"type": "audio.start", "rate": 3}), "invalid_rate"),
            (json.dumps({"type": "microphone.set", "mode": "off"}), "wrong_mode"),
            (json.dumps({"type": "text.ask", "text": "Why?"}), "wrong_mode"),
            (json.dumps({"type": "session.update", "persona": "You are Ann."}), "wrong_mode"),
            (json.dumps({"type": "session.update", "voice": "nobody"}), "unknown_voice"),
            (json.dumps({"type": "session.update", "language": "English"}), "invalid_event"),
        ):  # fmt: skip
            if isinstance(message, bytes):
                caller.socket.send_bytes(message)
            else:
                caller.socket.send_text(message)
            error = caller.event("error")
            assert error["code"] in code and not error["fatal"], error
            assert len(error["message"]) < 200 and error["message"].endswith("."), error
            time.sleep(0.25)  # more than five requests a second are refused
        for _ in range(100):  # more than two minutes beyond what is on its way to the mouth
            caller.socket.send_bytes(two_seconds)
            time.sleep(0.005)
        full = caller.event("error")
        assert full["code"] == "audio_buffer_full" and full["retryable"]
        caller.send("ping", at=7.0)
        assert caller.until(lambda m: isinstance(m, dict) and m.get("at") == 7.0)
    ended(manager)


@pytest.mark.parametrize(
    ("protocols", "token", "code"),
    [
        ((), "good", "unknown_protocol"),
        (("flowact.v2",), "good", "unknown_protocol"),
        (("flowact.v1",), "", "no_token"),
        (("flowact.v1",), "forged", "invalid_token"),
    ],
)
def test_a_socket_is_refused_with_an_event_and_a_reason(client, manager, protocols, token, code):
    token = make(client)["client_token"] if token == "good" else token
    with dialled(client, token, protocols) as socket:
        caller = Viewer(socket)
        error = caller.event("error")
        assert error["code"] == code and error["fatal"]
        with pytest.raises(WebSocketDisconnect) as closed:
            caller.next()
        assert closed.value.code == (BAD_REQUEST if code == "unknown_protocol" else UNAUTHORISED)
        assert closed.value.reason.startswith(code)
    assert not manager.sessions


def test_a_client_token_opens_one_socket_and_a_resume_token_brings_the_session_back(
    client, manager
):
    made = make(client, codec="jpeg")
    with dialled(client, made["client_token"]) as socket:
        resume = Viewer(socket).event("session.created")["resume_token"]
        with dialled(client, made["client_token"]) as again:
            assert Viewer(again).event("error")["code"] == "token_used"
    limit = time.monotonic() + PATIENCE  # the connection broke; the session waits
    look = f"/v1/sessions/{made['id']}"
    while client.get(look, headers=OWNER).json()["state"] != "disconnected":
        assert time.monotonic() < limit
        time.sleep(0.02)
    offered = ("flowact.v1", f"token.{resume.rstrip('=')}")
    with dialled(client, "", offered) as socket:
        caller = Viewer(socket)
        assert caller.event("session.created")["resumed"]
        caller.until(lambda m: isinstance(m, tuple))
        bearer = {"Authorization": f"Bearer {resume}"}
        assert client.get(f"{look}/recording", headers=bearer).status_code == 200
        caller.send("session.close")
    ended(manager)
    with dialled(client, resume) as socket:
        assert Viewer(socket).event("error")["code"] == "unknown_session"


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, "no_key"), ({"Authorization": "Bearer no"}, "wrong_key"), ({"Authorization": "Basic eA=="}, "no_key")],
)  # fmt: skip
def test_only_the_owners_keys_make_sessions(client, headers, code):
    for method, path in (("POST", "sessions"), ("GET", "sessions/x"), ("DELETE", "sessions/x"),
                         ("POST", "pictures"), ("GET", "sessions/x/recording")):  # fmt: skip
        answer = client.request(method, f"/v1/{path}", headers=headers)
        expected = "unknown_session" if path.endswith("recording") else code
        assert answer.json()["error"]["code"] == expected
        assert answer.status_code == (404 if path.endswith("recording") else 401)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"no json", 422, "invalid_request"),
        (b'{"character": 5}', 422, "invalid_request"),
        (b'{"colour": "red"}', 422, "invalid_request"),
        (b'{"ttl_s": 1}', 422, "invalid_request"),
        (b'{"character": "nobody"}', 404, "unknown_picture"),
        (b'{"picture_id": "no.thing"}', 404, "unknown_picture"),
        (b'{"voice": "nobody"}', 404, "unknown_voice"),
        (b'{"language": "English"}', 422, "invalid_request"),
        (b'{"persona": "' + b"x" * 2_001 + b'"}', 422, "invalid_request"),
        (b'{"character": "' + b"x" * 99_000 + b'"}', 413, "too_large"),
    ],
)
def test_wrong_sessions_are_refused_with_a_code(client, body, status, code):
    answer = client.post("/v1/sessions", content=body, headers=OWNER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_an_own_picture_is_shown_once_its_person_agreed(client, manager):
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "PNG")
    answer = client.post("/v1/pictures", content=buffer.getvalue(), headers=OWNER)
    assert answer.json()["error"]["code"] == "no_consent"
    taken = client.post("/v1/pictures?consent=true", content=buffer.getvalue(), headers=OWNER)
    assert taken.status_code == 201
    with joined(client, picture_id=taken.json()["picture_id"], codec="jpeg") as caller:
        caller.until(lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.JPEG)
    ended(manager)
    refused = client.post("/v1/pictures?consent=true", content=b"no picture", headers=OWNER)
    assert refused.json()["error"]["code"] == "bad_picture"


def test_a_session_ends_when_its_time_is_over(client, manager):
    with joined(client, codec="jpeg", ttl_s=10) as caller:
        registered = client.get(f"/v1/sessions/{caller.id}", headers=OWNER).json()
        assert registered["state"] == "live"
        error = caller.event("error")
        assert error["fatal"] and "time" in error["message"]
        with pytest.raises(WebSocketDisconnect):
            caller.until(lambda m: False)
    ended(manager)


def test_a_session_whose_client_did_not_come_back_is_over_for_its_owner_too(client, manager):
    made = make(client, codec="jpeg")
    with dialled(client, made["client_token"]) as socket:
        Viewer(socket).event("session.created")
    client.portal.call(manager.end, manager.sessions[made["id"]])  # as after some seconds
    answer = client.get(f"/v1/sessions/{made['id']}", headers=OWNER)
    assert answer.json()["error"]["code"] == "unknown_session"
    ended(manager)


def test_a_client_may_choose_the_codec_that_it_can_decode(client, manager):
    bearer = {"Authorization": f"Bearer {make(client)['client_token']}"}
    address = "/v1/socket?codec=jpeg"
    with client.websocket_connect(address, subprotocols=["flowact.v1"], headers=bearer) as socket:
        caller = Viewer(socket)
        assert caller.event("session.created")["codec"] == "jpeg"
        caller.until(lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.JPEG)
        caller.send("session.close")
    ended(manager)
    bearer = {"Authorization": f"Bearer {make(client)['client_token']}"}
    address = "/v1/socket?codec=gif"
    with client.websocket_connect(address, subprotocols=["flowact.v1"], headers=bearer) as socket:
        assert Viewer(socket).event("error")["code"] == "unknown_codec"


def test_agent_mode_takes_the_microphone_and_refuses_what_is_pushed(client, manager):
    with joined(client, mode="agent", codec="jpeg") as caller:
        caller.send("audio.commit")
        assert caller.event("error")["code"] == "wrong_mode"
        caller.send("microphone.set", mode="puppet")
        started = caller.event("playback.started")
        assert caller.event("microphone.changed")["mode"] == "puppet"
        pcm = to_pcm16(speech(3).read())
        for start in range(0, len(pcm), 12_800):
            caller.socket.send_bytes(pcm[start : start + 12_800])
            time.sleep(0.2)
        assert caller.voiced()[0].epoch == started["epoch"]
        caller.send("audio.clear")
        over = caller.event("playback.finished")
        assert over["interrupted"] and over["played_ms"] > 0
        assert caller.event("playback.flushed")["epoch"] > started["epoch"]
    ended(manager)
