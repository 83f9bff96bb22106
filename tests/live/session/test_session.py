"""Whole visits over a real WebSocket route with a real worker behind it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

import av
import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from flowact.live.access import uploads
from flowact.live.protocol.binary import Flag, MessageKind, prefixed, split_prefixed
from flowact.live.session.session import sample
from flowact.media import Recording
from flowact.serving.audio_source import to_pcm16
from tests.live.viewer import Viewer, ended, visiting
from tests.tiny_assets import write_wave
from tests.tiny_pipeline import speech

MIRA = Path(__file__).parents[3] / "assets" / "characters" / "mira" / "portrait.png"


def test_a_visit_from_hello_to_goodbye(client, manager, ticket):
    with visiting(client, ticket) as viewer:
        assert not viewer.text("welcome")["resumed"]
        _, still = viewer.media(MessageKind.STILL)
        assert still.startswith(b"\xff\xd8")
        sound, pcm = viewer.media(MessageKind.SOUND)
        assert len(pcm) == 2 * 2560 and not any(pcm) and sound.media_ms == 0
        first, data = viewer.media(MessageKind.H264)
        assert first.flags & Flag.KEY and first.made_ms >= first.started_ms > 0
        decoder = av.CodecContext.create("h264", "r")
        (frame,) = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
        assert (frame.width, frame.height) == (480, 480)
        viewer.send("sample", name="welcome")
        epoch = viewer.text("epoch")["epoch"]
        spoken = viewer.media(MessageKind.SOUND, epoch=epoch)
        assert spoken[0].flags & Flag.SPEAKING and any(spoken[1])
        viewer.send("interrupt")
        assert viewer.text("epoch") == {"type": "epoch", "epoch": epoch + 1, "flush": True}
        silent, pcm = viewer.until(lambda m: isinstance(m, tuple))
        assert silent.epoch == epoch + 1 and not any(pcm) and silent.flags & Flag.FLUSH
        viewer.send("action", text="wave")
        assert viewer.text("plan")["behaviour"] == "waving"
        viewer.send("ping", at=5.0)
        assert viewer.text("pong")["at"] == 5.0
    ended(manager)


def test_a_third_visitor_waits_in_line_and_gets_the_place_of_one_who_leaves(
    client, manager, ticket
):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(visiting(client, ticket, codec="jpeg"))
        second = stack.enter_context(visiting(client, ticket, codec="jpeg"))
        third = stack.enter_context(visiting(client, ticket, codec="jpeg"))
        assert first.text("welcome")["session"] != second.text("welcome")["session"]
        assert third.text("busy")["position"] == 1
        first.send("bye")
        assert third.text("welcome")["session"]
    ended(manager)


def test_a_lost_connection_finds_its_session_again(client, manager, ticket):
    with client.websocket_connect("/live/socket") as socket:
        viewer = Viewer(socket)
        viewer.send("hello", token=ticket)
        before = viewer.text("welcome")
        viewer.media(MessageKind.H264)
    with visiting(client, ticket, resume=before["resume"]) as viewer:
        after = viewer.text("welcome")
        assert after["resumed"] and after["session"] == before["session"]
        assert viewer.media(MessageKind.H264)[0].flags & Flag.KEY
    ended(manager)


def talk(viewer):
    """Speak into the microphone for a while."""
    pcm = to_pcm16(speech(1.5).read())
    for start in range(0, len(pcm), 1280):
        viewer.socket.send_bytes(pcm[start : start + 1280])


def spoken(message) -> bool:
    return isinstance(message, tuple) and message[0].kind is MessageKind.SOUND and any(message[1])


def test_the_microphone_is_spoken_by_the_puppet_even_after_a_crash(
    client, manager, ticket, monkeypatch
):
    def refuse(*_):
        raise AssertionError("a puppet's sound needs no voice detection")

    monkeypatch.setattr("flowact.live.dialogue.turn_detector.voice_probability", refuse)
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.media(MessageKind.SOUND)
        viewer.send("microphone", mode="puppet")
        epoch = viewer.text("epoch")["epoch"]
        talk(viewer)
        sound = viewer.until(spoken)[0]
        assert sound.epoch == epoch and sound.heard_ms > 0
        os.kill(manager._supervisor.pid, signal.SIGKILL)
        viewer.text("notice")
        viewer.until(
            lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.SOUND and not any(m[1])
        )
        talk(viewer)
        assert viewer.until(spoken)[0].epoch == epoch
    ended(manager)


def test_a_fresh_worker_takes_over_in_the_middle_of_a_word(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.media(MessageKind.JPEG)
        viewer.send("sample", name="welcome")
        epoch = viewer.text("epoch")["epoch"]
        viewer.media(MessageKind.SOUND, epoch=epoch)
        old = manager._supervisor.pid
        assert client.portal.call(manager.renew)
        assert manager._supervisor.pid != old
        viewer.text("finished")
        heard = [m for m in viewer.seen if isinstance(m, tuple) and m[0].kind is MessageKind.SOUND]
        said = b"".join(body for header, body in heard if header.epoch == epoch)
        assert said.startswith(to_pcm16(Recording.open(sample("welcome")).read()))
        times = [round(header.media_ms) for header, _ in heard]
        assert times == list(range(0, 160 * len(times), 160)), "nothing twice and nothing left out"
        assert not [m for m in viewer.seen if isinstance(m, dict) and m["type"] == "notice"]
    ended(manager)


@pytest.mark.parametrize(
    "first",
    [
        "",
        "{}",
        '{"type": "interrupt"}',
        '{"type": "hello", "token": "forged"}',
        '{"type": "hello", "token": "x", "codec": "av1"}',
    ],
)
def test_who_does_not_say_hello_properly_is_told_so_and_gets_nothing(client, manager, first):
    with client.websocket_connect("/live/socket") as socket:
        socket.send_text(first)
        answer = json.loads(socket.receive_text())
    assert answer["type"] == "error" and answer["fatal"] and not manager.sessions


def test_a_foreign_page_is_refused(client):
    headers = {"origin": "https://evil.org"}
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/live/socket", headers=headers) as socket,
    ):
        socket.receive_text()
    assert client.post("/live/down", headers=headers).status_code == 400


def test_nonsense_in_a_session_is_answered_and_disturbs_nothing(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.text("welcome")
        for nonsense in ("{", '{"type": "say", "text": "' + "a" * 10_000 + '"}'):
            viewer.socket.send_text(nonsense)
            assert viewer.text("error")["text"].endswith(".")
        viewer.socket.send_bytes(b"\1" * 50_001)
        assert "wrong size" in viewer.text("error")["text"]
        viewer.send("play", upload="nothing")
        assert "no longer here" in viewer.text("error")["text"]
        viewer.media(MessageKind.JPEG)
    ended(manager)


def test_a_flood_ends_the_session_with_a_sentence(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.text("welcome")
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            for _ in range(2_000):
                viewer.send("key")
        assert viewer.until(lambda m: isinstance(m, dict) and m.get("fatal"))
    ended(manager)


def test_uploads_are_checked_used_and_deleted_with_the_session(client, manager, ticket, tmp_path):
    path = write_wave(tmp_path / "voice.wav", speech(1.0).read())
    with visiting(client, ticket, codec="jpeg") as viewer:
        headers = {"x-ticket": viewer.text("welcome")["resume"], "x-filename": "voice.wav"}
        answer = client.post("/live/upload/audio", content=path.read_bytes(), headers=headers)
        viewer.media(MessageKind.SOUND)
        viewer.send("play", upload=answer.json()["name"])
        viewer.until(
            lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.SOUND and any(m[1])
        )
    ended(manager)
    assert not list(manager.uploads._root.rglob("*.wav"))


def test_who_brings_a_picture_is_told_when_there_is_no_face_in_it(client, ticket, tmp_path):
    headers = {"x-ticket": ticket, "x-filename": "me.png", "x-consent": "yes"}
    remarks = []
    for picture in (Image.new("RGB", (300, 200), "red"), Image.open(MIRA).resize((600, 600))):
        picture.save(tmp_path / "me.png")
        body = (tmp_path / "me.png").read_bytes()
        answer = client.post("/live/upload/picture", content=body, headers=headers)
        remarks.append(answer.json()["remark"])
    assert remarks[0].startswith("No face was found in this picture")
    assert remarks[1] == ""


@pytest.mark.parametrize(
    ("sort", "content", "headers", "sentence"),
    [
        ("audio", b"this is not sound", {}, "song.wav is not audio"),
        ("audio", bytes(41_000_000), {}, "larger than 40 MB"),
        ("picture", b"GIF89a nonsense", {"x-consent": "yes"}, "song.wav"),
        ("picture", b"", {}, "must have agreed"),
        ("audio", b"", {"x-ticket": "forged"}, "not valid"),
    ],
)
def test_bad_uploads_are_refused_in_a_sentence(
    client, manager, ticket, sort, content, headers, sentence
):
    with visiting(client, ticket, codec="jpeg") as viewer:
        proof = viewer.text("welcome")["resume"] if sort == "audio" else ticket
        given = {"x-ticket": proof, "x-filename": "song.wav", **headers}
        answer = client.post(f"/live/upload/{sort}", content=content, headers=given)
    ended(manager)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"] and "\n" not in answer.json()["error"]


def test_strangers_cannot_fill_the_disk(client, manager, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES_TOGETHER", uploads.MOST_BYTES + 10)
    Image.new("RGB", (300, 200), "red").save(tmp_path / "me.png")
    body = (tmp_path / "me.png").read_bytes()
    ticket = manager.tickets.issue("visit", "stranger")
    headers = {"x-ticket": ticket, "x-filename": "me.png", "x-consent": "yes"}
    answers = [client.post("/live/upload/picture", content=body, headers=headers) for _ in range(2)]
    assert answers[-1].status_code == 400
    assert answers[-1].json()["error"].startswith("Too much is being uploaded by all visitors")
    manager.uploads.discard("stranger")


def test_the_last_minutes_can_be_kept_as_a_marked_video(client, manager, ticket, tmp_path):
    from flowact.commands.verify import verify

    with visiting(client, ticket) as viewer:
        resume = viewer.text("welcome")["resume"]
        for _ in range(13):
            viewer.media(MessageKind.H264)
        answer = client.get("/live/recording", params={"ticket": resume})
        assert client.get("/live/recording", params={"ticket": "x"}).status_code == 400
    (tmp_path / "kept.mp4").write_bytes(answer.content)
    with av.open(str(tmp_path / "kept.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) % 4 == 0 and len(frames) >= 12
    verdict = verify(tmp_path / "kept.mp4")
    assert json.loads(verdict.metadata["comment"])["ai_generated"] is True
    ended(manager)


def test_health_and_portraits_are_served(client, manager):
    assert client.get("/live/health").json()["ready"]
    assert client.get("/live/portrait/mira").headers["content-type"] == "image/png"
    assert client.get("/live/portrait/nobody").status_code == 400
    assert "FlowAct" in client.get("/about").text


def test_posts_to_a_connection_that_is_not_there_or_not_readable_are_refused(client):
    assert client.post("/live/up/none", content=prefixed("{}")).status_code == 400
    assert list(split_prefixed(prefixed("{}"))) == ["{}"]
