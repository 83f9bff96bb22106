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
from flowact.live.protocol.binary import Flag, MessageKind
from flowact.live.protocol.events import LONGEST_APPEND
from flowact.live.session.session import sample
from flowact.media import Recording
from flowact.serving.audio_source import to_pcm16
from tests.live.viewer import Viewer, bearer, dialled, ended, visiting
from tests.tiny_pipeline import speech

MIRA = Path(__file__).parents[3] / "assets" / "characters" / "mira" / "portrait.png"


def test_a_visit_from_its_first_event_to_its_last(client, manager, ticket):
    with visiting(client, ticket) as viewer:
        assert not viewer.event("session.created")["resumed"]
        _, still = viewer.media(MessageKind.STILL)
        assert still.startswith(b"\xff\xd8")
        sound, pcm = viewer.media(MessageKind.SOUND)
        assert len(pcm) == 2 * 2560 and not any(pcm) and sound.media_ms == 0
        first, data = viewer.media(MessageKind.H264)
        assert first.flags & Flag.KEY and first.made_ms >= first.started_ms > 0
        decoder = av.CodecContext.create("h264", "r")
        (frame,) = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
        assert (frame.width, frame.height) == (480, 480)
        viewer.send("sample.play", name="welcome")
        epoch = viewer.event("playback.started")["epoch"]
        spoken = viewer.media(MessageKind.SOUND, epoch=epoch)
        assert spoken[0].flags & Flag.SPEAKING and any(spoken[1])
        viewer.send("audio.clear")
        assert viewer.event("playback.finished")["interrupted"]
        flushed = viewer.event("playback.flushed")
        assert flushed == {"type": "playback.flushed", "epoch": epoch + 1}
        silent, pcm = viewer.until(lambda m: isinstance(m, tuple))
        assert silent.epoch == epoch + 1 and not any(pcm) and silent.flags & Flag.FLUSH
        viewer.send("action.set", text="wave")
        assert viewer.event("action.changed")["behaviour"] == "waving"
        viewer.send("ping", at=5.0)
        assert viewer.event("pong")["at"] == 5.0
    ended(manager)


def test_a_third_visitor_waits_in_line_and_gets_the_place_of_one_who_leaves(
    client, manager, ticket
):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(visiting(client, ticket, codec="jpeg"))
        second = stack.enter_context(visiting(client, ticket, codec="jpeg"))
        third = stack.enter_context(visiting(client, ticket, codec="jpeg"))
        assert (
            first.event("session.created")["session"] != second.event("session.created")["session"]
        )
        assert third.event("queue.position")["position"] == 1
        first.send("session.close")
        assert third.event("session.created")["session"]
    ended(manager)


def test_a_lost_connection_finds_its_session_again(client, manager, ticket):
    with dialled(client, ticket) as socket:
        viewer = Viewer(socket)
        before = viewer.event("session.created")
        viewer.media(MessageKind.H264)
    with visiting(client, before["resume_token"]) as viewer:
        after = viewer.event("session.created")
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
        viewer.send("microphone.set", mode="puppet")
        epoch = viewer.event("playback.started")["epoch"]
        talk(viewer)
        sound = viewer.until(spoken)[0]
        assert sound.epoch == epoch and sound.heard_ms > 0
        os.kill(manager._supervisor.pid, signal.SIGKILL)
        viewer.event("notice")
        viewer.until(
            lambda m: isinstance(m, tuple) and m[0].kind is MessageKind.SOUND and not any(m[1])
        )
        talk(viewer)
        assert viewer.until(spoken)[0].epoch == epoch
    ended(manager)


def test_a_fresh_worker_takes_over_in_the_middle_of_a_word(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.media(MessageKind.JPEG)
        viewer.send("sample.play", name="welcome")
        epoch = viewer.event("playback.started")["epoch"]
        viewer.media(MessageKind.SOUND, epoch=epoch)
        old = manager._supervisor.pid
        assert client.portal.call(manager.renew)
        assert manager._supervisor.pid != old
        viewer.event("playback.finished")
        heard = [m for m in viewer.seen if isinstance(m, tuple) and m[0].kind is MessageKind.SOUND]
        said = b"".join(body for header, body in heard if header.epoch == epoch)
        assert said.startswith(to_pcm16(Recording.open(sample("welcome")).read()))
        times = [round(header.media_ms) for header, _ in heard]
        assert times == list(range(0, 160 * len(times), 160)), "nothing twice and nothing left out"
        assert not [m for m in viewer.seen if isinstance(m, dict) and m["type"] == "notice"]
    ended(manager)


def test_sound_that_comes_far_faster_than_speech_is_refused(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.event("session.created")
        for _ in range(40):
            viewer.socket.send_bytes(bytes(LONGEST_APPEND))
        error = viewer.event("error")
        assert error["code"] == "rate_limited" and error["retryable"]
        viewer.media(MessageKind.JPEG)
    ended(manager)


def test_nonsense_in_a_session_is_answered_and_disturbs_nothing(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.event("session.created")
        for nonsense in ("{", '{"type": "text.say", "text": "' + "a" * 10_000 + '"}'):
            viewer.socket.send_text(nonsense)
            assert viewer.event("error")["message"].endswith(".")
        for sound, code in ((b"\1" * 50_001, "odd_length"), (bytes(65_538), "too_large")):
            viewer.socket.send_bytes(sound)
            assert viewer.event("error")["code"] == code
        viewer.send("sound.play", sound_id="nothing")
        assert "no longer here" in viewer.event("error")["message"]
        viewer.media(MessageKind.JPEG)
    ended(manager)


def test_a_flood_ends_the_session_with_a_sentence(client, manager, ticket):
    with visiting(client, ticket, codec="jpeg") as viewer:
        viewer.event("session.created")
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            for _ in range(2_000):
                viewer.send("media.key")
        assert viewer.until(lambda m: isinstance(m, dict) and m.get("fatal"))
    ended(manager)


def test_who_brings_a_picture_is_told_when_there_is_no_face_in_it(client, ticket, tmp_path):
    headers = {**bearer(ticket), "x-filename": "me.png"}
    remarks = []
    for picture in (Image.new("RGB", (300, 200), "red"), Image.open(MIRA).resize((600, 600))):
        picture.save(tmp_path / "me.png")
        body = (tmp_path / "me.png").read_bytes()
        answer = client.post("/v1/pictures?consent=true", content=body, headers=headers)
        remarks.append(answer.json()["remark"])
    assert remarks[0].startswith("No face was found in this picture")
    assert remarks[1] == ""


@pytest.mark.parametrize(
    ("path", "content", "headers", "sentence"),
    [
        ("sounds", b"this is not sound", {}, "song.wav is not audio"),
        ("sounds", bytes(41_000_000), {}, "larger than 40 MB"),
        ("pictures?consent=true", b"GIF89a nonsense", {}, "song.wav"),
        ("pictures", b"", {}, "must agree"),
        ("sounds", b"", {"Authorization": "Bearer forged"}, "none of this server's"),
    ],
)
def test_bad_uploads_are_refused_in_a_sentence(
    client, manager, ticket, path, content, headers, sentence
):
    with visiting(client, ticket, codec="jpeg") as viewer:
        resume = viewer.event("session.created")["resume_token"]
        proof = bearer(resume if path == "sounds" else ticket)
        given = {**proof, "x-filename": "song.wav", **headers}
        answer = client.post(f"/v1/{path}", content=content, headers=given)
    ended(manager)
    assert answer.status_code in (400, 401)
    message = answer.json()["error"]["message"]
    assert sentence in message and "\n" not in message


def test_strangers_cannot_fill_the_disk(client, manager, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES_TOGETHER", uploads.MOST_BYTES + 10)
    Image.new("RGB", (300, 200), "red").save(tmp_path / "me.png")
    body = (tmp_path / "me.png").read_bytes()
    ticket = manager.tickets.issue("visit", "stranger")
    address, headers = "/v1/pictures?consent=true", bearer(ticket)
    answers = [client.post(address, content=body, headers=headers) for _ in range(2)]
    assert answers[-1].status_code == 400
    message = answers[-1].json()["error"]["message"]
    assert message.startswith("Too much is being uploaded by all visitors")
    manager.uploads.discard("stranger")


def test_the_last_minutes_can_be_kept_as_a_marked_video(client, manager, ticket, tmp_path):
    from flowact.commands.verify import verify

    with visiting(client, ticket) as viewer:
        created = viewer.event("session.created")
        for _ in range(13):
            viewer.media(MessageKind.H264)
        address = f"/v1/sessions/{created['session']}/recording"
        answer = client.get(address, headers=bearer(created["resume_token"]))
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
