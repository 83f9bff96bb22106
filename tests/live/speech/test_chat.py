"""Answers of language models of all kinds, over a real connection."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from flowact.errors import UserError
from flowact.live.speech.chat import LONGEST_REPLY, ChatModel, ToolCall
from flowact.live.speech.endpoint_client import EndpointClient
from tests.live.speech.services import FaultyScript, events, services, status

CHAT = "chat/completions"
QUESTION = [{"role": "user", "content": "Say something private."}]
TOOL = {"type": "function", "function": {"name": "set_action"}}


def reply(script: FaultyScript, times: int = 1, tools=()) -> list:
    """What the model gives, the last of some times."""

    async def ask(endpoints) -> list:
        client = EndpointClient(endpoints.answering, "answer")
        model = ChatModel(client)
        try:
            for _ in range(times):
                parts = [part async for part in model.reply(QUESTION, tools)]
            return parts
        finally:
            await client.close()

    with services(script) as endpoints:
        return asyncio.run(ask(endpoints))


def test_an_answer_comes_in_pieces_over_one_kept_connection():
    script = FaultyScript(answer="Good to see you.")
    parts = reply(script, times=2)
    assert len(parts) == 4 and "".join(parts).strip() == "Good to see you."
    body = json.loads(script.bodies(CHAT)[0])
    assert body["stream"] is True and body["messages"] == QUESTION


def test_a_server_that_does_not_stream_is_understood():
    whole = {"choices": [{"message": {"role": "assistant", "content": "Whole."}}]}
    script = FaultyScript(reactions={CHAT: lambda handler, _: handler.send_json(whole)})
    assert reply(script) == ["Whole."]


def test_null_and_thoughts_of_their_own_are_no_words():
    script = FaultyScript(
        reactions={CHAT: events({"content": None}, {"reasoning_content": "Hm."}, {"refusal": "no"})}
    )
    assert reply(script) == []


def test_a_tool_call_comes_in_pieces_and_goes_out_whole():
    first = {"index": 0, "id": "a", "function": {"name": "set_action", "arguments": '{"act'}}
    second = {"index": 0, "function": {"arguments": 'ion": "waving"}'}}
    script = FaultyScript(
        reactions={CHAT: events({"tool_calls": [first]}, {"tool_calls": [second]})}
    )
    assert reply(script, tools=[TOOL]) == [ToolCall("set_action", '{"action": "waving"}', "a")]


def test_what_a_server_refuses_is_left_out_from_then_on():
    def picky(handler, body) -> None:
        asked = json.loads(body)
        if "tools" in asked or "max_tokens" in asked:
            return status(400, "unsupported")(handler, body)
        return events({"content": "Fine."})(handler, body)

    script = FaultyScript(reactions={CHAT: picky})
    assert reply(script, times=2, tools=[TOOL]) == ["Fine."]
    assert len(script.bodies(CHAT)) == 5, "four tries, then the one that is remembered"


def test_an_endless_answer_ends():
    def endless(handler, _body) -> None:
        handler.begin_stream("text/event-stream")
        for _ in range(100_000):
            handler.send_delta({"content": "word "})

    assert sum(map(len, reply(FaultyScript(reactions={CHAT: endless})))) == LONGEST_REPLY


@pytest.mark.parametrize(
    "reaction",
    [
        status(401, "Incorrect API key provided: secret-key"),
        status(500, "You said: Say something private."),
        events({"content": "I am"}, done=False),
        lambda handler, _: handler.send_whole(b"<html>hello", "text/html"),
        lambda handler, _: handler.send_json({"error": "overloaded"}),
        lambda handler, _: handler.send_json({"choices": [3]}),
    ],
    ids=["wrong key", "500", "cut", "html", "error in 200", "nonsense"],
)
def test_every_failure_is_one_sentence_and_is_logged_once_without_secrets(reaction, caplog):
    for _ in range(2):
        with caplog.at_level(logging.WARNING), pytest.raises(UserError) as raised:
            reply(FaultyScript(reactions={CHAT: reaction}))
        assert str(raised.value) == (
            "The avatar cannot answer just now; the log of this server says why."
        )
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2 and len({message.split("/v1")[1] for message in told}) == 1
    assert "secret-key" not in caplog.text and "private" not in caplog.text
    assert CHAT in caplog.text


def test_nobody_there_is_one_sentence():
    async def ask() -> None:
        from flowact.live.endpoints import Endpoint

        client = EndpointClient(Endpoint("http://127.0.0.1:9/v1", "", "m"), "answer")
        try:
            [_ async for _ in ChatModel(client).reply(QUESTION)]
        finally:
            await client.close()

    with pytest.raises(UserError, match="cannot answer just now"):
        asyncio.run(ask())
