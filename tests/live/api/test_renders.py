"""Whole videos over the real routes, with a real worker behind them."""

from __future__ import annotations

import io
import json
import time

import av
import httpx
import pytest

from flowact.client import ClientError, FlowActClient
from flowact.live.access import uploads
from flowact.live.api import renders
from flowact.live.api.rendering import _is_over
from flowact.live.protocol.problem import ApiError
from flowact.media.audio import to_wave
from flowact.serving.audio_source import to_pcm16
from tests.live.conftest import KEY
from tests.live.viewer import PATIENCE, ended
from tests.tiny_pipeline import speech

OWNER = {"Authorization": f"Bearer {KEY}"}
SECONDS = 1.5
KANA = "ひらがなだけで"
"""No voice of a usual machine reads it."""


def sound(client, seconds: float = SECONDS) -> str:
    data = to_wave(to_pcm16(speech(seconds).read()))
    taken = client.post("/v1/sounds", content=data, headers=OWNER)
    assert taken.status_code == 201, taken.text
    return taken.json()["sound_id"]


def begun(client, **spec) -> dict:
    answer = client.post("/v1/renders", json=spec, headers=OWNER)
    assert answer.status_code == 202, answer.text
    return answer.json()


def until(client, name: str, *states: str) -> dict:
    limit = time.monotonic() + PATIENCE
    while (standing := look(client, name).json())["state"] not in states:
        assert time.monotonic() < limit, standing
        time.sleep(0.05)
    return standing


def look(client, name: str, what: str = ""):
    return client.get(f"/v1/renders/{name}{what}", headers=OWNER)


def test_a_recording_becomes_a_video_that_is_fetched_and_deleted(client, manager):
    made = begun(client, sound_id=sound(client), character="mira", action="wave")
    assert made["state"] == "queued" and made["total_ms"] == SECONDS * 1000
    early = look(client, made["id"], "/video")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "not_done")
    standing = until(client, made["id"], "done", "failed")
    assert standing["state"] == "done" and standing["expires_at"]
    video = look(client, made["id"], "/video")
    assert video.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(video.content)) as file:
        assert json.loads(file.metadata["comment"])["ai_generated"]
        assert sum(1 for _ in file.decode(video=0)) >= SECONDS * 25
    assert client.delete(f"/v1/renders/{made['id']}", headers=OWNER).status_code == 204
    assert look(client, made["id"]).json()["error"]["code"] == "unknown_render"
    ended(manager)


def test_one_is_made_after_the_other_and_either_may_be_given_up(client, manager, monkeypatch):
    first = begun(client, sound_id=sound(client, 30.0))["id"]
    second = begun(client, sound_id=sound(client))["id"]
    monkeypatch.setattr(uploads, "UNUSED_SECONDS", -1.0)
    manager.uploads.discard_unused(set())
    monkeypatch.setattr(renders, "MOST_RENDERS", 2)
    full = client.post("/v1/renders", json={"text": "Hello."}, headers=OWNER)
    assert (full.status_code, full.json()["error"]["code"]) == (429, "too_many_renders")
    until(client, first, "running")
    assert look(client, second).json()["state"] == "queued", "one at a time"
    assert client.delete(f"/v1/renders/{first}", headers=OWNER).status_code == 204
    until(client, second, "running", "done")  # its recording was kept while it waited
    assert client.delete(f"/v1/renders/{second}", headers=OWNER).status_code == 204
    ended(manager)


@pytest.mark.parametrize(
    ("spec", "status", "code"),
    [
        ({}, 422, "invalid_request"),
        ({"text": "Hello.", "sound_id": "a.b"}, 422, "invalid_request"),
        ({"text": "word " * 2_000}, 422, "invalid_request"),
        ({"text": "Hello.", "colour": "red"}, 422, "invalid_request"),
        ({"text": "Hello.", "character": "nobody"}, 404, "unknown_picture"),
        ({"text": "Hello.", "picture_id": "no.thing"}, 404, "unknown_picture"),
        ({"text": "Hello.", "voice": "nobody"}, 404, "unknown_voice"),
        ({"text": "... *** ..."}, 400, "empty_text"),
        ({"text": KANA}, 400, "unreadable_text"),
        ({"sound_id": "no.thing"}, 404, "unknown_sound"),
        ({"sound_id": "nothing"}, 404, "unknown_sound"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_code(client, spec, status, code):
    answer = client.post("/v1/renders", json=spec, headers=OWNER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def test_what_is_no_sound_is_refused_and_strangers_make_nothing(client):
    refused = client.post("/v1/sounds", content=b"no sound", headers=OWNER)
    assert refused.json()["error"]["code"] == "bad_sound"
    for method, path in (("POST", "renders"), ("GET", "renders/x"), ("GET", "renders/x/video"),
                         ("DELETE", "renders/x"), ("POST", "sounds")):  # fmt: skip
        assert client.request(method, f"/v1/{path}").json()["error"]["code"] == "no_key"


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"type": "error", "code": "no_voice", "message": "No."}, "no_voice"),
        ({"type": "playback.finished", "played_ms": 900, "interrupted": True}, "stopped"),
        ({"type": "metrics", "played_ms": 601_000}, "too_long"),
    ],
)
def test_a_video_that_is_cut_off_is_a_failure_and_no_short_video(told, code):
    with pytest.raises(ApiError) as refused:
        _is_over(told)
    assert refused.value.code == code


def test_the_python_client_waits_for_a_video_and_leaves_nothing(client, manager):
    async def scene() -> bytes:
        transport = httpx.ASGITransport(client.app)
        async with FlowActClient("http://testserver", KEY, transport) as mine:
            with pytest.raises(ClientError) as refused:
                await mine.render(text=KANA)
            assert refused.value.problem.code == "unreadable_text"
            data = to_wave(to_pcm16(speech(SECONDS).read()))
            return await mine.render(sound_id=await mine.add_sound(data))

    video = client.portal.call(scene)
    with av.open(io.BytesIO(video)) as file:
        assert file.streams.video and file.streams.audio
    ended(manager)
