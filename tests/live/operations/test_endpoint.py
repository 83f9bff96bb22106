"""What operators read on their own port of a real page."""

import shutil
import socket
import subprocess
import time

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from flowact.errors import UserError
from flowact.live.operations.endpoint import OperationsServer
from flowact.live.protocol.binary import MessageKind
from tests.live.viewer import ended, visiting


def value(operators, name: str, **labels: str) -> float:
    families = plain(operators.get("/metrics").text)
    samples = (sample for family in families for sample in family.samples)
    return sum(each.value for each in samples if (each.name, each.labels) == (name, labels))


def wait_for(condition) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.05)


def test_a_visit_is_counted(client, manager, ticket, operators):
    names = {
        "joins": ("flowact_joins_total", {"result": "new"}),
        "resumed": ("flowact_joins_total", {"result": "resumed"}),
        "refused": ("flowact_joins_total", {"result": "refused"}),
        "pieces": ("flowact_pieces_total", {}),
        "encoded": ("flowact_stage_seconds_count", {"stage": "encode"}),
        "denoised": ("flowact_stage_seconds_count", {"stage": "denoise"}),
        "replies": ("flowact_reply_seconds_count", {}),
        "lags": ("flowact_viewer_lag_seconds_sum", {}),
    }
    before = {short: value(operators, name, **labels) for short, (name, labels) in names.items()}

    def more(short: str) -> float:
        name, labels = names[short]
        return value(operators, name, **labels) - before[short]

    with visiting(client, ticket, codec="jpeg") as viewer:
        resume = viewer.event("session.created")["resume_token"]
        viewer.media(MessageKind.JPEG)
        assert value(operators, "flowact_sessions") == 1 and value(operators, "flowact_places") == 2
        viewer.send("sample.play", name="welcome")
        epoch = viewer.event("playback.started")["epoch"]
        viewer.media(MessageKind.SOUND, epoch=epoch)
        viewer.send("ping", at=0.0, lag_ms=250.0)
        viewer.event("pong")
        wait_for(lambda: more("replies") == 1)
        with visiting(client, resume) as again:
            again.media(MessageKind.JPEG)
    with visiting(client, "forged") as stranger:
        stranger.event("error")
    ended(manager)
    assert (more("joins"), more("resumed"), more("refused")) == (1, 1, 1)
    # A chunk is given up after its first segment where the viewer asked for something else.
    assert more("pieces") == more("encoded") >= more("denoised") > 0
    assert more("lags") == pytest.approx(0.25)
    assert 0 < value(operators, "flowact_busy_ratio") <= 1


def test_both_formats_of_prometheus_are_spoken_and_checked(operators):
    families = {family.name for family in plain(operators.get("/metrics").text)}
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    assert {
        family.name for family in openmetrics(operators.get("/metrics", headers=accept).text)
    } == families
    assert {"flowact_full", "flowact_waiting", "python_info"} <= families
    program = shutil.which("promtool")
    assert program, "promtool checks the metrics; it comes with Debian's package prometheus"
    done = subprocess.run(
        [program, "check", "metrics"],
        input=operators.get("/metrics").text,
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [
        line
        for line in done.stdout.splitlines() + done.stderr.splitlines()
        if line.startswith("flowact")
    ]
    assert done.returncode == 0 or not ours, done.stdout + done.stderr


def test_alive_is_not_the_same_as_ready(manager, operators, monkeypatch):
    assert operators.get("/readyz").json() == {"ready": True, "obstacle": None}
    monkeypatch.setattr(manager, "down", "There is no checkpoint.")
    answer = operators.get("/readyz")
    assert (answer.status_code, answer.json()["obstacle"]) == (503, "There is no checkpoint.")
    monkeypatch.setattr(manager, "down", None)
    monkeypatch.setattr(manager, "ready", None)
    assert operators.get("/readyz").status_code == 503
    assert operators.get("/healthz").text == "alive\n"


def test_visitors_do_not_see_what_operators_see(client):
    assert client.get("/metrics").status_code == client.get("/readyz").status_code == 404


def test_a_port_that_is_taken_is_said_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} cannot be used for operators"):
            OperationsServer("127.0.0.1", port)
