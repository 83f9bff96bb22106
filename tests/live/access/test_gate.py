"""Tickets, origins, limits, events: what stands between a stranger and a session."""

import json

import pytest

from flowact.errors import UserError
from flowact.live.access.origin import is_allowed
from flowact.live.access.rate_limit import TokenBucket
from flowact.live.access.tickets import Tickets
from flowact.live.protocol.events import LONGEST_EVENT, TextSay
from flowact.live.protocol.parsing import parse_event


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_names_its_subject_for_its_purpose_and_time_only():
    clock = Clock()
    tickets = Tickets(now=clock)
    ticket = tickets.issue("visit", "abc", lifetime=60)
    assert tickets.check(ticket, "visit") == "abc"
    with pytest.raises(UserError, match="not valid"):
        tickets.check(ticket, "resume")
    clock.now += 61
    with pytest.raises(UserError, match="too long"):
        tickets.check(ticket, "visit")


@pytest.mark.parametrize("forged", ["", "x", "AAAA", "ü", "A" * 400])
def test_forged_tickets_are_refused(forged):
    with pytest.raises(UserError):
        Tickets().check(forged, "visit")


def test_a_changed_ticket_and_one_of_another_server_are_refused():
    ticket = Tickets().issue("visit", "abc")
    changed = ticket[:-6] + ("A" if ticket[-6] != "A" else "B") + ticket[-5:]
    tickets = Tickets()
    for wrong in (ticket, changed):
        with pytest.raises(UserError):
            tickets.check(wrong, "visit")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"host": "a.org:7860", "origin": "http://a.org:7860"}, True),
        ({"host": "a.org", "origin": "https://evil.org"}, False),
        ({"host": "a.org", "origin": "null"}, False),
        ({"host": "a.org", "origin": "https://a.org.evil.org"}, False),
        ({"host": "10.0.0.1", "x-forwarded-host": "a.org", "origin": "https://a.org"}, True),
        ({"host": "a.org", "origin": "https://friend.org"}, True),
        ({"host": "a.org"}, True),
        ({"origin": "http://"}, False),
    ],
)
def test_only_own_and_named_origins_may_connect(headers, allowed):
    assert is_allowed(headers, ["https://friend.org"]) is allowed


def test_a_bucket_lets_a_burst_and_then_a_rate_through():
    clock = Clock()
    bucket = TokenBucket(rate=10, burst=3, now=clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.25
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_what_is_too_much_for_a_bucket_takes_nothing_from_it():
    clock = Clock()
    bucket = TokenBucket(rate=4, burst=10, now=clock)
    assert [bucket.take(amount) for amount in (8, 3, 2, 0.5)] == [True, False, True, False]
    clock.now += 0.5
    assert bucket.take(2)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"type": "steal"}',
        '{"type": "text.say"}',
        '{"type": "text.say", "text": 5}',
        '{"type": "audio.clear", "more": 1}',
        '{"type": "ping", "at": "now"}',
        '{"type": "ping", "lag_ms": -1}',
        '{"type": "microphone.set", "mode": "loud"}',
        '{"type": "session.created"}',
        "[" * 10_000,
    ],
)
def test_malformed_events_are_refused_in_one_sentence(message):
    with pytest.raises(UserError) as refused:
        parse_event(message)
    assert "\n" not in str(refused.value)


def test_long_texts_are_refused_with_their_length():
    with pytest.raises(UserError, match="10000 characters"):
        parse_event(json.dumps({"type": "text.say", "text": "a" * 10_000}))
    with pytest.raises(UserError, match="120"):
        parse_event(json.dumps({"type": "action.set", "text": "a" * 121}))
    with pytest.raises(UserError, match=str(LONGEST_EVENT)):
        parse_event(json.dumps({"type": "text.say", "text": "a" * 100_000}))


def test_a_good_event_is_read():
    event = parse_event('{"type": "text.say", "text": "Hello", "voice": ""}')
    assert isinstance(event, TextSay) and event.text == "Hello"
