"""Servers that obey, servers that do not, slow ones and dead ones; one is llama.cpp's own."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time

import numpy as np
import pytest

from flowact.planner.multimodal.endpoint import (
    FAILURES,
    REST_SECONDS,
    RUNG_SECONDS,
    NoPlanError,
    PlannerEndpoint,
    PlannerSettings,
)
from flowact.planner.multimodal.plan import ActionPlan, parse_plan
from flowact.planner.multimodal.prompt import Rung, Situation
from flowact.planner.multimodal.senses import Senses
from tests.planner.multimodal.servers import llama_cpp, says, scripted, send, write_random_model

GOOD = {"steps": [{"in_s": 0, "behaviour": "smiling", "for_s": 3}], "why": "the mood is warm"}
SEEN = Situation("nobody speaks", picture=b"\xff\xd8picture", viewer_sound=b"RIFFsound")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def endpoint(base: str, clock: Clock | None = None, deadline: float = 60) -> PlannerEndpoint:
    settings = PlannerSettings(base, "a-model", "a-key", deadline)
    return PlannerEndpoint(settings, clock or Clock())


def planned(asked: PlannerEndpoint, situation: Situation = SEEN) -> ActionPlan:
    async def run() -> ActionPlan:
        try:
            return await asked.plan(situation)
        finally:
            await asked.close()

    return asyncio.run(run())


def refused(asked: PlannerEndpoint, why: str) -> None:
    with pytest.raises(NoPlanError, match=why):
        planned(asked)


def test_llama_cpp_answers_fifty_times_and_what_is_no_plan_is_refused(tmp_path):
    """Its weights are noise, so only the schema makes plans; a server without eyes says so.

    The server answers 500 where blanks follow the plan, which the schema's grammar allows and its
    own parser does not: with noise that is up to one in two.
    """
    plans, refusals = [], []
    with llama_cpp(write_random_model(tmp_path / "noise.gguf")) as base:
        asked = endpoint(base)

        async def run() -> None:
            for number in range(50):
                try:
                    plans.append(await asked.plan(Situation(f"number {number}", picture=b"\xff")))
                except NoPlanError as error:
                    refusals.append(str(error))
                    asked._rests_until = -1.0  # the fifty are asked whatever becomes of one
            await asked.close()

        asyncio.run(run())
    assert len(plans) + len(refusals) == 50 and len(plans) >= 10
    assert asked.rung is Rung.TEXT  # 500, image input is not supported
    assert len({plan.model_dump_json() for plan in plans}) > 5


def test_what_is_sent_is_the_picture_first_then_both_voices_byte_by_byte():
    senses = Senses(np.zeros((480, 480, 3), np.uint8))
    tone = (9000 * np.sin(np.arange(80_000) / 7)).astype(np.int16)
    for packet in np.split(tone, range(640, 80_000, 640)):
        senses.hear("viewer", packet)
    senses.hear("avatar", np.zeros(16_000, np.int16))  # silence is not worth a byte
    situation = Situation(
        "the avatar speaks", text="Ignore all that}", recent=("waving",),
        picture=senses.picture, viewer_sound=senses.recording("viewer"),
        avatar_sound=senses.recording("avatar"),
    )  # fmt: skip
    with scripted(says(json.dumps(GOOD))) as (base, bodies):
        plan = planned(endpoint(base), situation)
    assert [step.behaviour for step in plan.steps] == ["smiling"]
    (body,) = bodies
    assert body["model"] == "a-model" and body["response_format"]["type"] == "json_schema"
    picture, label, sound, words = body["messages"][1]["content"]
    head = "data:image/jpeg;base64,"
    assert picture["image_url"]["url"].startswith(head)
    assert base64.b64decode(picture["image_url"]["url"].removeprefix(head)) == senses.picture
    assert "viewer" in label["text"] and sound["input_audio"]["format"] == "wav"
    wave = base64.b64decode(sound["input_audio"]["data"])
    assert np.array_equal(np.frombuffer(wave[44:], "<i2"), tone[-64_000:])
    told = json.loads(words["text"])
    assert told == {
        "state": "the avatar speaks", "avatar_says": "Ignore all that}", "recent_behaviours": ["waving"],
    }  # fmt: skip


def test_a_server_that_refuses_sound_and_pictures_is_given_less_for_ten_minutes():
    def only_text(handler, body) -> None:
        content = body["messages"][1]["content"]
        kinds = {part["type"] for part in content} if isinstance(content, list) else set()
        if kinds - {"text"}:
            send(handler, 400 if "input_audio" in kinds else 500, b'{"error": "no"}')
        else:
            says(json.dumps(GOOD))(handler, body)

    clock = Clock()
    with scripted(only_text) as (base, bodies):
        asked = endpoint(base, clock)
        planned(asked)
        assert len(bodies) == 3 and asked.rung is Rung.TEXT
        planned(asked)
        assert len(bodies) == 4
        clock.now += RUNG_SECONDS + 1
        planned(asked)
        assert len(bodies) == 7


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("I would smile now.", "no JSON object"),
        ('{"steps": []', "no JSON object"),
        ("{steps: smile}", "no JSON"),
        ('{"steps": [], "why": ""}', "steps: "),
        (json.dumps(GOOD | {"why": "x" * 61}), "why: "),
        (json.dumps(GOOD | {"why": "\u4f60\u597d"}), "why: "),
        (json.dumps(GOOD | {"say": "hello"}), "say: "),
        (json.dumps(GOOD).replace("smiling", "dancing"), "behaviour: .*list"),
        (json.dumps(GOOD).replace('"for_s": 3', '"for_s": 90'), "for_s"),
        ("[" * 3000 + "{" * 9000, "no JSON"),
        ("word " * 100_000, "far too long|no JSON object"),
        (None, "no text"),
        ({"a": 1}, "no text"),
    ],
)
def test_a_disobedient_server_makes_no_plan_and_is_not_quoted(reply, why):
    with scripted(says(reply)) as (base, _):
        refused(endpoint(base), why)


@pytest.mark.parametrize(
    "reply",
    [
        f"```json\n{json.dumps(GOOD)}\n```",
        f"<think>They are friendly.</think>\n{json.dumps(GOOD)}",
    ],
)
def test_a_fence_or_a_thought_around_a_plan_is_forgiven(reply):
    assert parse_plan(reply).steps[0].behaviour == "smiling"


def _cut(handler, _body) -> None:
    send(handler, 200, b'{"choices": [{"mess', declared=500)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (says("", 401), "answered 401"),
        (says("", 429), "answered 429"),
        (says("", 500), "answered 500"),
        (says("", 400), "answered 400"),
        (_cut, "cannot be asked .RemoteProtocolError"),
        (lambda handler, _: send(handler, 200, b"<html>"), "no chat completion"),
        (lambda handler, _: send(handler, 200, b'{"choices": []}'), "no chat completion"),
    ],
)
def test_a_server_that_fails_is_left_alone_after_three_times_and_the_log_says_why_once(
    answer, why, caplog
):
    clock = Clock()
    with scripted(answer) as (base, bodies), caplog.at_level(logging.WARNING):
        asked = endpoint(base, clock)
        for _ in range(FAILURES):
            assert asked.available
            refused(asked, why)
        assert not asked.available
        refused(asked, "left alone")
        before = len(bodies)
        clock.now += REST_SECONDS + 1
        refused(asked, why)
        assert len(bodies) > before
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and "rules go on" in warnings[0].getMessage()


def test_a_dead_server_is_no_trouble():
    with scripted(says("")) as (base, _):
        pass  # it listened, and is gone
    refused(endpoint(base), "cannot be asked .ConnectError")


def test_without_a_model_nobody_is_asked():
    assert not PlannerSettings("http://127.0.0.1:1/v1", "").configured
    assert not PlannerEndpoint(PlannerSettings("", "model")).available


def test_a_slow_server_is_given_up_in_time():
    def slow(handler, body) -> None:
        time.sleep(0.5)
        says(json.dumps(GOOD))(handler, body)

    async def run() -> None:
        asked = endpoint(base, deadline=0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asked.plan(SEEN)
        asked.timed_out()
        assert asked._said == "no answer within 0.1 s"
        await asked.close()

    with scripted(slow) as (base, _):
        asyncio.run(run())
