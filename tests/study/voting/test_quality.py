"""What cannot be checked stays unchecked and raises the alarm; fails need a reason."""

import http.server
import json
import random
import socket
import threading

import pytest

from study.analysis.dataset import judgements, read
from study.analysis.tidy_table import tidy
from study.checks.simulated_participant import PLAYED
from study.design.sections import Quality
from study.server.overview import overview
from study.voting import participants, quality
from study.voting.quality import Judgement
from tests.study.tiny import api_client, configuration, open_at, take_part

LIMITS = Quality()


def test_verdicts_combine_with_fail_before_unchecked():
    ok, bad, unknown = (
        Judgement("pass"),
        Judgement("fail", ("drift",)),
        Judgement("unchecked", ("stalls",)),
    )
    assert quality.combine([ok, ok]).verdict == "pass"
    assert quality.combine([ok, unknown]) == Judgement("unchecked", ("stalls",))
    assert quality.combine([unknown, bad]) == Judgement("fail", ("drift",))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Judgement("pass")),
        ({"drift_p95_ms": 81.0}, Judgement("fail", ("drift",))),
        ({"drift_p95_ms": None}, Judgement("unchecked", ("drift",))),
        ({"stalls": 9}, Judgement("fail", ("stalls",))),
        ({"hidden_ms": 2001.0}, Judgement("fail", ("hidden",))),
        ({"dropped": 100}, Judgement("fail", ("dropped",))),
        ({"frames": 0}, Judgement("unchecked", ("dropped",))),
    ],
)
def test_playback_is_judged(change, expected):
    assert quality.judge_playback(PLAYED | change, LIMITS) == expected


def test_what_a_browser_cannot_tell_is_unchecked_and_never_a_fail():
    assert quality.judge_playback({"plays": 1}, LIMITS).verdict == "unchecked"


def test_a_vote_without_any_playing_was_not_made_on_the_page():
    assert quality.judge_playback({}, LIMITS) == Judgement("fail", ("unplayed",))
    assert quality.judge_playback(PLAYED | {"plays": 0}, LIMITS) == Judgement("fail", ("unplayed",))


@pytest.mark.parametrize(
    ("answer_ms", "spare", "verdict"),
    [(300.0, 9.0, "fail"), (9000.0, 0.3, "fail"), (2000.0, 2.0, "pass"), (None, 2.0, "pass")],
)
def test_five_answers_in_a_third_of_a_second_do_not_pass(answer_ms, spare, verdict):
    """By the page's own clock or by the server's, whichever says less."""
    assert quality.judge_speed(answer_ms, spare, 5, LIMITS).verdict == verdict


def test_catch_trials_are_judged():
    same = dict.fromkeys("abc", "same")
    assert (
        quality.judge_catch("identical", same, {"a": "same", "b": "same", "c": "left"}).verdict
        == "pass"
    )
    assert (
        quality.judge_catch("identical", same, {"a": "same", "b": "left", "c": "left"}).verdict
        == "fail"
    )
    assert quality.judge_catch("shifted", {"a": "left"}, {"a": "same"}).verdict == "fail"
    assert quality.judge_catch("shifted", {"a": "left"}, {"a": "cannot"}).verdict == "unchecked"


def test_repeats_count_only_reversals():
    first = {"a": "left", "b": "same", "c": "right", "d": "cannot"}
    assert quality.reversal_share(first, {"a": "right", "b": "left", "c": "left", "d": "left"}) == 0
    assert quality.reversal_share(first, {"a": "left", "b": "same", "c": "right"}) == pytest.approx(
        2 / 3
    )
    assert quality.reversal_share({"a": "cannot"}, {"a": "left"}) is None


def test_one_side_all_along_fails_and_sameness_does_not(client, context):
    take_part(client, context, answer="left")
    take_part(client, context, answer="same")
    verdicts = list(judgements(read(context)).values())
    assert verdicts[0].verdict == "fail"
    assert "one_side" in verdicts[0].reasons
    assert "one_side" not in verdicts[1].reasons


def test_who_never_varies_or_never_judges_a_catch_is_unchecked(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, quality={"catch_failures": 8})
    client = api_client(context)
    for answer in ("same", "cannot", "varied"):
        take_part(client, context, answer)
    constant, undecided, varied = judgements(read(context)).values()
    assert constant == Judgement("unchecked", ("constant",))
    assert undecided == Judgement("unchecked", ("catch", "constant"))
    assert varied.verdict != "unchecked"


def test_the_default_catches_stop_most_random_clickers_and_all_constant_ones():
    config = configuration(trials={"per_participant": 6})
    expected = {
        "identical": dict.fromkeys(config.dimension_ids, "same"),
        "shifted": {"lip_sync": "left"},
    }
    dice = random.Random(0)

    def passes(click) -> bool:
        kinds = ["main"] * 6 + ["identical"] * config.trials.catch.identical
        kinds += ["shifted"] * config.trials.catch.shifted
        records = [
            {
                "kind": kind,
                "position": position,
                "expected": expected.get(kind, {}),
                "choices": {name: click() for name in config.dimension_ids},
            }
            for position, kind in enumerate(kinds)
        ]
        return quality.judge_participant(records, config).verdict == "pass"

    clicked = sum(passes(lambda: dice.choice(["left", "same", "right"])) for _ in range(2000))
    assert clicked / 2000 < 0.1
    assert not any(passes(lambda answer=answer: answer) for answer in ("left", "same", "right"))


def test_alarms_need_a_jump():
    config = configuration().quality
    assert quality.alarms(["fail"] * 3, config) == []
    assert quality.alarms(["pass"] * 20, config) == []
    assert quality.alarms(["pass"] * 50 + ["fail"] * 10, config) == ["excluded"]
    assert quality.alarms(["unchecked"] * 6, config) == ["unchecked"]


class Service(http.server.BaseHTTPRequestHandler):
    """An external check with a programmed answer."""

    answer = b"{}"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert "external" in json.loads(body)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def service():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b'{"verdict": "pass"}', "pass"),
        (b'{"verdict": "fail"}', "fail"),
        (b'{"verdict": "perhaps"}', "unchecked"),
        (b"<html>502</html>", "unchecked"),
        (b'{"verdict": ' + b"[" * 5000, "unchecked"),
    ],
)
def test_the_service_is_asked(service, monkeypatch, answer, verdict):
    monkeypatch.setattr(Service, "answer", answer)
    limits = Quality(service_url=service)
    assert quality.ask_service(limits, {"external": {}}).verdict == verdict


def test_a_service_that_speaks_no_http_is_unchecked():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0\r\n\r\n")
            connection.close()

        threading.Thread(target=babble, daemon=True).start()
        limits = Quality(service_url=f"http://127.0.0.1:{server.getsockname()[1]}/")
        assert quality.ask_service(limits, {"external": {}}).verdict == "unchecked"


def test_who_was_never_asked_about_is_unchecked(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, quality={"service_url": "http://127.0.0.1:9/"})
    participants.enter(context, "198.51.100.1", "en", {})  # the check is asked by the route, later
    assert [part.reasons for part in judgements(read(context)).values()] == [("service",)]


def test_a_service_that_is_down_leaves_votes_unchecked_and_raises_the_alarm(built, tmp_path, clock):
    down = {"service_url": "http://127.0.0.1:9/", "service_seconds": 0.2}
    down |= {"catch_failures": 8, "repeat_agreement": 0, "same_side_share": 1}
    context = open_at(built, tmp_path, clock, quality=down)
    client = api_client(context)
    for _ in range(5):
        take_part(client, context, answer="varied")
    frame = tidy(read(context))
    main = frame[frame["kind"] == "main"]
    assert set(main["verdict"]) == {"unchecked"}
    assert set(main["reasons"]) == {"service"}
    assert main["included"].all()
    assert overview(context, read(context)).alarms == ["unchecked"]
